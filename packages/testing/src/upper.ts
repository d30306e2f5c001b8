import type { Reply } from '@millrace/core'

/** A body in upper case, as a stream. */
export async function* upper(body: Reply['body']): AsyncGenerator<Uint8Array> {
  const chunks = body === null ? [] : body instanceof Uint8Array ? [body] : body
  for await (const chunk of chunks)
    yield new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())
}
