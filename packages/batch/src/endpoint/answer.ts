import { type HeaderMap, problem, type Reply } from '@millrace/core'

/** What a request of a batch was answered with. */
export interface Answer {
  readonly id: string
  readonly status: number
  readonly reason: string | undefined
  readonly headers: HeaderMap
  readonly body: Uint8Array | null
}

/** An answer that no handler has made. */
export const ownAnswer = (id: string, status: number, detail: string): Answer => {
  const { headers, body } = problem(status, undefined, detail)
  return { id, status, reason: undefined, headers, body: body instanceof Uint8Array ? body : null }
}

/**
 * Reads a reply whole.
 *
 * @param limit bytes of its body at most
 * @returns undefined where it has more; then the rest is not read
 */
export const read = async (id: string, answered: Reply, limit: number): Promise<Answer | undefined> => {
  const { status, reason, headers, body } = answered
  if (body === null || body instanceof Uint8Array) {
    return (body?.byteLength ?? 0) > limit ? undefined : { id, status, reason, headers, body }
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return { id, status, reason, headers, body: Buffer.concat(chunks) }
}
