import {
  derive,
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
  tap,
} from '@millrace/core'
import { type Coder, codersOf } from './coder.ts'
import { type Coding, qualities } from './coding.ts'
import { Dictionary, isRaw, namedIn, patternOf, usableCodings } from './dictionary.ts'
import type { Declaration } from './dictionary-rule.ts'
import { encodeOnce } from './encode-once.ts'
import { EncodedBody } from './encoded-body.ts'
import type { Encoded } from './events.ts'
import { FileBody } from './file-body.ts'
import { keptHead } from './heads.ts'
import type { House } from './house.ts'
import { withComment } from './noise.ts'
import {
  type Choice,
  isForAll,
  negotiate,
  notModifiedTag,
  obstacle,
  type Skip,
  sayEncoded,
  suffixed,
  type TagOf,
  weakened,
  withPlainTags,
} from './policy.ts'
import type { Rule } from './rule.ts'
import { isOf, openSibling } from './siblings.ts'
import type { Finder } from './siblings-rule.ts'
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

  /** Whether an entity tag says nothing of the bytes, so that they may be made in any way. */
  const isOfAnyBytes = rule.etag === 'weak' || rule.noise > 0
  const codings = isOfAnyBytes ? [] : rule.encodings

  const usual = new Set<Coder>(Object.values(rule.coders))

  return function compress(exchange, next) {
    exchange.offerFlush()
    const headers = isOfAnyBytes ? undefined : withPlainTags(exchange.headers, codings)
    const running = next(headers === undefined ? exchange : derive(exchange, { headers }))
    const reply = readyReply(running)
    // A filter may throw.
    return reply === undefined || rule.filter ? later(exchange, running) : shape(exchange, reply)
  }

  async function later(exchange: Exchange, running: Promise<Reply>): Promise<Reply> {
    return shape(exchange, await running)
  }

  function shape(exchange: Exchange, reply: Reply): Promise<Reply> {
    if (exchange.synthetic !== undefined) return skip(exchange, reply, 'synthetic')
    if (reply.status === 304) sayNotModified(exchange, reply, codings)
    const why = obstacle(reply.status, reply.headers, rule.isWorth)
    if (why === 'range') reply.headers.vary('Accept-Encoding')
    if (why !== undefined) return skip(exchange, reply, why)
    if (rule.filter && !rule.filter(exchange, reply)) return skip(exchange, reply, 'filter')
    const field = fieldOf(exchange.headers, 'accept-encoding')
    const choice = field === undefined ? unasked : choose(field)
    // Who cannot read the plain body gets it encoded however small it is.
    if (choice.plain && lengthOf(reply) < rule.threshold) return plainly(exchange, reply, 'size')
    const isLearnt = rule.dictionary !== undefined && declare(exchange, reply, rule.dictionary)
    const against = dictionaryCoderFor(exchange)
    if (against !== undefined) return encodeBy(against, exchange, reply, choice.plain)
    const siblings = isLearnt ? undefined : rule.siblings
    const file = siblings && choice.coding && fileOf(exchange, reply, siblings)
    if (siblings === undefined || file === undefined) return encode(exchange, reply, choice)
    return fromBeside(exchange, reply, file, siblings.isSure).then(
      (given) => given ?? encode(exchange, reply, choice),
    )
  }

  /** What encodes against a dictionary that the client has, where that is the coding that it likes best. */
  function dictionaryCoderFor(exchange: Exchange): Coder | undefined {
    const name = namedIn(fieldOf(exchange.headers, 'available-dictionary'))
    const dictionary = name === undefined ? undefined : house.dictionaries.get(name)
    if (!dictionary?.covers(exchange.path) || house.load?.strain || rule.noise > 0) return undefined
    const field = fieldOf(exchange.headers, 'accept-encoding')
    const { coding } = negotiate(field, [...usableCodings(), ...rule.encodings])
    return coding === 'dcz' || coding === 'dcb' ? dictionary.coder(coding, rule.quality) : undefined
  }

  /**
   * Says that a reply is a dictionary, and learns it.
   *
   * @returns whether its bytes are looked at on their way
   */
  function declare(exchange: Exchange, reply: Reply, { match, field }: Declaration): boolean {
    const { headers } = reply
    headers.vary('Available-Dictionary')
    if (!isForAll(exchange.headers, reply.status, headers)) return false
    headers.set('Use-As-Dictionary', field)
    const { dictionaries } = house
    const validator = headers.get('etag') ?? headers.get('last-modified')
    const source = `${exchange.url} ${validator}`
    if (exchange.method !== 'GET' || (validator !== undefined && dictionaries.has(source))) return false
    const length = lengthOf(reply)
    if (length > dictionaries.largest && length !== Number.POSITIVE_INFINITY) return false
    const pattern = patternOf(match)
    if (!pattern || !dictionaries.expect(source)) return false
    void tap(reply, dictionaries.largest).then((bytes) => {
      const isOne = bytes !== undefined && isRaw(bytes)
      dictionaries.settle(source, isOne ? new Dictionary(Buffer.from(bytes), pattern) : undefined)
    })
    return true
  }

  /** With what lies encoded beside the file that it is of; undefined when there is nothing that the client takes. */
  async function fromBeside(
    exchange: Exchange,
    reply: Reply,
    file: string,
    isSure: boolean,
  ): Promise<Reply | undefined> {
    const began = clock.elapsed()
    const original = await house.siblings.of(file, clock)
    if (original === undefined || !isOf(reply.headers, original, isSure)) return undefined
    const { siblings } = original
    const offered = rule.encodings.filter((coding) => siblings.some((each) => each.coding === coding))
    const { coding } = negotiate(fieldOf(exchange.headers, 'accept-encoding'), offered)
    const sibling = siblings.find((each) => each.coding === coding)
    if (coding === undefined || sibling === undefined) return undefined
    const kept = encodingsOf(reply.body)
    const found = kept?.get(coding)
    const bytes = exchange.method === 'HEAD' ? null : (found ?? (await openSibling(sibling)))
    if (bytes === undefined) return undefined
    if (bytes instanceof FileBody) void exchange.done.then(() => bytes.close())
    else if (bytes !== null && bytes !== found && isOfAnyBytes) kept?.set(coding, bytes)
    const length = (bytes ?? found)?.byteLength ?? sibling.size
    // Weak: the file may be as before and this one made anew.
    const telling = { coding, length, tagOf: weakened }
    if (kept) reply.headers = keptHead(reply.headers, telling)
    else {
      sayEncoded(reply.headers, coding, weakened)
      reply.headers.set('Content-Length', length)
    }
    reply.body = bytes
    const duration = clock.elapsed() - began
    house.encoded({ exchange, coding, source: 'sibling', bytesIn: original.size, bytesOut: length, duration })
    return reply
  }

  function encode(exchange: Exchange, reply: Reply, { coding, plain }: Choice): Promise<Reply> {
    if (coding === undefined) {
      return plain || !rule.strict ? plainly(exchange, reply, 'client') : ready(notAcceptable())
    }
    const strain = house.load?.strain ?? 0
    if (strain === 2 && plain) return plainly(exchange, reply, 'load')
    return encodeBy((strain === 0 ? rule.coders : hurried)[coding], exchange, reply, plain)
  }

  function encodeBy(coder: Coder, exchange: Exchange, reply: Reply, plain: boolean): Promise<Reply> {
    const { coding } = coder
    const { body } = reply
    if (body instanceof Uint8Array) return whole(exchange, reply, body, coder, plain)
    // An answer to HEAD says what one to GET would (RFC 9110 section 9.3.2), as far as that is known.
    if (body === null && exchange.method !== 'HEAD') return skip(exchange, reply, 'status')
    if (body !== null) stream(exchange, reply, body, coder)
    // Where its chunks end depends on when they came.
    sayEncoded(reply.headers, coding, weakened)
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
    const isUsual = usual.has(coder)
    const kept = encodingsOf(body)
    const found = kept?.get(coder.key)
    if (found !== undefined) return give(found, 'kept', 0)
    if (kept && plain && hopeless.has(body)) return plainly(exchange, reply, 'gain')
    const key = kept ? undefined : house.same?.keyOf(body, coder)
    const same = key === undefined ? undefined : house.same?.get(key)
    if (same !== undefined) return give(same, 'memo', 0)
    const began = clock.elapsed()
    if (body.byteLength <= (rule.inTurn[coding] ?? 0)) return take(coder.encode(body))
    return (kept ? encodeOnce(body, coder) : coder.encodeLater(body)).then(take)

    function take(bytes: Uint8Array): Promise<Reply> {
      const isSmaller = bytes.byteLength < body.byteLength
      if (isSmaller) {
        // What is made in a hurry is not to be taken for the same bytes; a dictionary's are never.
        if (isOfAnyBytes || isUsual || coder.key !== coding) kept?.set(coder.key, bytes)
        if (key !== undefined) house.same?.set(key, bytes)
      } else if (kept && isUsual) hopeless.add(body)
      if (!isSmaller && plain) return plainly(exchange, reply, 'gain')
      return give(bytes, 'work', clock.elapsed() - began)
    }

    function give(made: Uint8Array, source: Encoded['source'], duration: number): Promise<Reply> {
      // Not of what is kept: it is to be another one each time.
      const bytes = rule.noise === 0 ? made : withComment(made, house.random(rule.noise))
      const bytesOut = bytes.byteLength
      const tagOf: TagOf = isOfAnyBytes || !isUsual ? weakened : suffixed
      if (kept && rule.noise === 0)
        reply.headers = keptHead(reply.headers, { coding, length: bytesOut, tagOf })
      else {
        sayEncoded(reply.headers, coding, tagOf)
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
      begin: rule.noise === 0 ? undefined : (bytes) => withComment(bytes, house.random(rule.noise)),
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
    if (kept) reply.headers = keptHead(reply.headers, undefined)
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

/** The file that a reply may be of: a plain 200 that says enough of itself. */
const fileOf = (exchange: Exchange, reply: Reply, { find, isSure }: Finder): string | undefined => {
  const { status, headers } = reply
  if (status !== 200 || !(isSure || headers.has('last-modified'))) return undefined
  return find(exchange, reply)
}

const sayNotModified = (exchange: Exchange, { headers }: Reply, codings: readonly Coding[]): void => {
  headers.vary('Accept-Encoding')
  const etag = headers.get('etag')
  if (etag === undefined) return
  const known = notModifiedTag(etag, fieldOf(exchange.headers, 'if-none-match'), codings)
  if (known !== etag) headers.set('ETag', known)
}
