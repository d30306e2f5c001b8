import {
  type Exchange,
  encodingsOf,
  fieldOf,
  type Layer,
  memo,
  reply as newReply,
  type Reply,
  ready,
  readyReply,
  type Site,
} from '@millrace/core'
import { type Coder, codersOf } from './coder.ts'
import { qualities } from './coding.ts'
import { encodeOnce } from './encode-once.ts'
import { EncodedBody } from './encoded-body.ts'
import type { Encoded } from './events.ts'
import { keptHead } from './heads.ts'
import type { House } from './house.ts'
import { negotiate, notModifiedTag, obstacle, type Skip, sayEncoded } from './policy.ts'
import type { Rule } from './rule.ts'
import { isOfEvents } from './types.ts'

/** How long, in milliseconds, bytes of a stream wait for more: too short to be seen, and long enough for those of one go. */
const patience = 50

const hurried = codersOf(qualities.fast)

/** Kept bodies that do not get smaller. */
const hopeless = new WeakSet<Uint8Array>()

/** Encodes what a handler says, by one rule. */
export const compression = (rule: Rule, { clock }: Site, house: House): Layer<Exchange, Reply> => {
  const choose = memo((field: string) => negotiate(field, rule.encodings))
  const unasked = negotiate(undefined, rule.encodings)

  return function compress(exchange, next) {
    const running = next(exchange)
    const reply = readyReply(running)
    // A filter may throw.
    return reply === undefined || rule.filter ? later(exchange, running) : shape(exchange, reply)
  }

  async function later(exchange: Exchange, running: Promise<Reply>): Promise<Reply> {
    return shape(exchange, await running)
  }

  function shape(exchange: Exchange, reply: Reply): Promise<Reply> {
    if (exchange.synthetic !== undefined) return skip(exchange, reply, 'synthetic')
    if (reply.status === 304) sayNotModified(exchange, reply)
    const why = obstacle(reply.status, reply.headers, rule.isWorth)
    if (why === 'range') reply.headers.vary('Accept-Encoding')
    if (why !== undefined) return skip(exchange, reply, why)
    if (rule.filter && !rule.filter(exchange, reply)) return skip(exchange, reply, 'filter')
    const field = fieldOf(exchange.headers, 'accept-encoding')
    const { coding, plain } = field === undefined ? unasked : choose(field)
    // Who cannot read the plain body gets it encoded however small it is.
    if (plain && lengthOf(reply) < rule.threshold) return plainly(exchange, reply, 'size')
    if (coding === undefined) {
      return plain || !rule.strict ? plainly(exchange, reply, 'client') : ready(notAcceptable())
    }
    const strain = house.load?.strain ?? 0
    if (strain === 2 && plain) return plainly(exchange, reply, 'load')
    const coder = (strain === 0 ? rule.coders : hurried)[coding]
    const { body } = reply
    if (body instanceof Uint8Array) return whole(exchange, reply, body, coder, plain)
    // An answer to HEAD says what one to GET would (RFC 9110 section 9.3.2), as far as that is known.
    if (body === null && exchange.method !== 'HEAD') return skip(exchange, reply, 'status')
    if (body !== null) stream(exchange, reply, body, coder)
    sayEncoded(reply.headers, coding)
    reply.headers.delete('content-length')
    return ready(reply)
  }

  /** Bytes that are encoded as a whole. */
  function whole(
    exchange: Exchange,
    reply: Reply,
    body: Uint8Array,
    coder: Coder,
    plain: boolean,
  ): Promise<Reply> {
    const { coding } = coder
    const kept = encodingsOf(body)
    const found = kept?.get(coding)
    if (found !== undefined) return give(found, 'kept', 0)
    if (kept && plain && hopeless.has(body)) return plainly(exchange, reply, 'gain')
    const key = kept ? undefined : house.same?.keyOf(body, coder)
    const same = key === undefined ? undefined : house.same?.get(key)
    if (same !== undefined) return give(same, 'memo', 0)
    const began = clock.elapsed()
    if (body.byteLength <= rule.inTurn[coding]) return take(coder.encode(body))
    return (kept ? encodeOnce(body, coder) : coder.encodeLater(body)).then(take)

    function take(bytes: Uint8Array): Promise<Reply> {
      const isSmaller = bytes.byteLength < body.byteLength
      if (isSmaller) {
        kept?.set(coding, bytes)
        if (key !== undefined) house.same?.set(key, bytes)
      } else if (kept) hopeless.add(body)
      if (!isSmaller && plain) return plainly(exchange, reply, 'gain')
      return give(bytes, 'work', clock.elapsed() - began)
    }

    function give(bytes: Uint8Array, source: Encoded['source'], duration: number): Promise<Reply> {
      const bytesOut = bytes.byteLength
      if (kept) reply.headers = keptHead(reply.headers, coding, bytesOut)
      else {
        sayEncoded(reply.headers, coding)
        if (reply.headers.has('content-length')) reply.headers.set('Content-Length', bytesOut)
      }
      reply.body = bytes
      house.encoded({ exchange, coding, source, bytesIn: body.byteLength, bytesOut, duration })
      return ready(reply)
    }
  }

  function stream(exchange: Exchange, reply: Reply, source: AsyncIterable<Uint8Array>, coder: Coder): void {
    const { coding } = coder
    const isPrompt = rule.flush || isOfEvents(reply.headers.get('content-type') ?? '')
    const body = new EncodedBody(source, coder, {
      clock,
      patience: isPrompt ? 0 : patience,
      ended: (bytesIn, bytesOut) =>
        house.encoded({ exchange, coding, source: 'stream', bytesIn, bytesOut, duration: 0 }),
    })
    reply.body = body
    // Whoever stops reading need not say so.
    void exchange.done.then(() => body.close())
  }

  /** As it is, though another client would get it encoded. */
  function plainly(exchange: Exchange, reply: Reply, why: Skip): Promise<Reply> {
    const kept = encodingsOf(reply.body)
    if (kept) reply.headers = keptHead(reply.headers, undefined, 0)
    else reply.headers.vary('Accept-Encoding')
    return skip(exchange, reply, why)
  }

  function skip(exchange: Exchange, reply: Reply, why: Skip): Promise<Reply> {
    return ready(house.skipped(exchange, reply, why))
  }

  function notAcceptable(): Reply {
    return newReply(406, { 'Accept-Encoding': rule.encodings.join(', '), Vary: 'Accept-Encoding' })
  }
}

/** Of the content; infinite where it is not known. */
const lengthOf = ({ body, headers }: Reply): number => {
  if (body instanceof Uint8Array) return body.byteLength
  const told = headers.get('content-length')
  return told === undefined ? Number.POSITIVE_INFINITY : Number(told)
}

const sayNotModified = (exchange: Exchange, { headers }: Reply): void => {
  headers.vary('Accept-Encoding')
  const etag = headers.get('etag')
  if (etag === undefined) return
  const known = notModifiedTag(etag, fieldOf(exchange.headers, 'if-none-match'))
  if (known !== etag) headers.set('ETag', known)
}
