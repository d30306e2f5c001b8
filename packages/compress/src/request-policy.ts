import type { RequestHeaders } from '@millrace/core'
import { type Coding, codings } from './coding.ts'
import { digests } from './policy.ts'

/**
 * Why the body of a request is not taken.
 *
 * - `coding`: one that is not accepted, or more than three of them: 415 (RFC 9110 section 15.5.16)
 * - `size`: it has too many bytes, as it was sent, decoded, or in between: 413
 * - `ratio`: they got too many times as many: 413
 * - `malformed`: it is not what it says, or breaks off: 400
 */
export type Refusal = 'coding' | 'size' | 'ratio' | 'malformed'

/** Nobody has a reason to, and each takes memory. */
const mostCodings = 3

/** Bytes that may come out of however few. */
export const freely: number = 64 * 1024

/**
 * The codings of a body, in the order in which they were applied (RFC 9110 section 8.4); none for `identity`.
 *
 * @param field `Content-Encoding`
 * @returns undefined where one is not among those accepted
 */
export const codingsOf = (field: string, accepted: readonly Coding[]): readonly Coding[] | undefined => {
  const found: Coding[] = []
  for (const part of field.split(',')) {
    const name = part.trim().toLowerCase()
    if (name === '' || name === 'identity') continue
    const coding = codings.find((each) => each === (name === 'x-gzip' ? 'gzip' : name))
    if (coding === undefined || !accepted.includes(coding) || found.length === mostCodings) return undefined
    found.push(coding)
  }
  return found
}

/** Whether so many bytes are too many. @param received how many they were made of */
export const excess = (
  bytes: number,
  received: number,
  { limit, ratio }: { readonly limit: number; readonly ratio: number },
): Refusal | undefined => {
  if (bytes > limit) return 'size'
  return bytes > freely && bytes > ratio * received ? 'ratio' : undefined
}

const encodedAlone = ['content-encoding', ...digests.map((name) => name.toLowerCase())]

/** The fields of a request without what is true of the encoded body alone. */
export const decodedFields = (headers: RequestHeaders): RequestHeaders => ({
  ...headers,
  ...Object.fromEntries(encodedAlone.map((name) => [name, undefined])),
})
