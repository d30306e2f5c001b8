import {
  derive,
  type Exchange,
  fieldOf,
  type Layer,
  memo,
  problem,
  type Reply,
  ready,
  type Site,
} from '@millrace/core'
import type { Coding } from './coding.ts'
import { ContentRefusedError } from './content-refused-error.ts'
import { decodedContent } from './decoded-content.ts'
import type { House } from './house.ts'
import { codingsOf, decodedFields } from './request-policy.ts'
import type { Requests } from './requests.ts'

/** Has the handler, and the layers further in, read what was sent encoded in the plain. */
export const decoding = (requests: Requests, { clock }: Site, house: House): Layer<Exchange, Reply> => {
  const { encodings, limit } = requests
  const read = memo((field: string) => codingsOf(field, encodings))

  return function decode(exchange, next) {
    if (!mayHaveContent(exchange)) return next(exchange)
    const codings = read(fieldOf(exchange.headers, 'content-encoding') ?? '')
    if (codings === undefined) return ready(refuse(exchange, new ContentRefusedError('coding')))
    if (codings.length === 0) return next(exchange)
    const length = lengthOf(exchange)
    if (length !== undefined && length > limit)
      return ready(refuse(exchange, new ContentRefusedError('size')))
    const refused = Promise.withResolvers<Reply>()
    const inner = derive(exchange, {
      headers: decodedFields(exchange.headers),
      content: (sent) => decoded(exchange, sent, codings, length, refused.resolve),
    })
    // Whatever the handler makes of it: some do not even see that what they read has failed.
    return Promise.race([next(inner), refused.promise])
  }

  async function* decoded(
    exchange: Exchange,
    sent: AsyncIterable<Uint8Array>,
    codings: readonly Coding[],
    length: number | undefined,
    answer: (reply: Reply) => void,
  ): AsyncGenerator<Uint8Array> {
    const began = clock.elapsed()
    const tally = { bytesIn: 0, bytesOut: 0 }
    try {
      yield* decodedContent(sent, codings, requests, tally, length)
    } catch (error) {
      if (error instanceof ContentRefusedError) answer(refuse(exchange, error))
      throw error
    }
    const coding = codings.join(', ')
    house.decoded({ exchange, coding, ...tally, duration: clock.elapsed() - began })
  }

  function refuse(exchange: Exchange, { why, status, title, message }: ContentRefusedError): Reply {
    house.refused(exchange, why)
    const reply = problem(status, title, message)
    // RFC 7694 section 3.
    if (why === 'coding') reply.headers.set('Accept-Encoding', encodings.join(', '))
    return reply
  }
}

/** HTTP/2 need not say so before. */
const mayHaveContent = ({ headers, httpVersion }: Exchange): boolean =>
  headers['content-length'] !== undefined ||
  headers['transfer-encoding'] !== undefined ||
  httpVersion.startsWith('2')

/** Of what is sent; undefined where it does not say so. */
const lengthOf = ({ headers }: Exchange): number | undefined => {
  const told = fieldOf(headers, 'content-length')
  return told === undefined ? undefined : Number(told)
}
