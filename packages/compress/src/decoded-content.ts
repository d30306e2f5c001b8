import { Readable } from 'node:stream'
import type { Coding } from './coding.ts'
import { ContentRefusedError } from './content-refused-error.ts'
import { decodeAtOnce } from './decode-at-once.ts'
import { undone } from './decoder.ts'
import { excess } from './request-policy.ts'

export interface Tally {
  /** Bytes that have come. */
  bytesIn: number
  /** Bytes that were made of them. */
  bytesOut: number
}

export interface Limits {
  /** Bytes: of what was sent, of what comes out, and between two codings. */
  readonly limit: number
  readonly ratio: number
}

/** Bytes that are waited for, to be decoded at once. */
const small = 16 * 1024

/**
 * A body in the plain: a small one at once, others as they come.
 *
 * @param codings in the order in which they were applied
 * @param tally counts along
 * @param length bytes that were sent, where that is known
 * @throws ContentRefusedError where it is too large, or malformed
 */
export async function* decodedContent(
  sent: AsyncIterable<Uint8Array>,
  codings: readonly Coding[],
  limits: Limits,
  tally: Tally,
  length: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array, void> {
  let source = sent
  if (length <= Math.min(small, limits.limit)) {
    const bytes = await gathered(sent)
    const plain = decodeAtOnce(bytes, codings, limits.limit)
    if (plain !== undefined) {
      tally.bytesIn = bytes.byteLength
      tally.bytesOut = plain.byteLength
      yield plain
      return
    }
    source = Readable.from([bytes])
  }
  const received = (total: number): void => {
    tally.bytesIn = total
    judge(total)
  }
  const judge = (total: number): void => {
    const why = excess(total, tally.bytesIn, limits)
    if (why !== undefined) throw new ContentRefusedError(why)
  }
  let body = counted(source, received)
  for (const coding of codings.toReversed()) body = counted(undone(body, coding), judge)
  for await (const bytes of body) {
    tally.bytesOut += bytes.byteLength
    yield bytes
  }
}

const gathered = async (source: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  for await (const bytes of source) chunks.push(bytes)
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  judge: (total: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let total = 0
  for await (const bytes of source) {
    total += bytes.byteLength
    judge(total)
    yield bytes
  }
}
