/** A chunk as a handler may write it, as bytes. A `Uint8Array` is not copied. */
export const toBytes = (chunk: unknown, encoding: unknown): Uint8Array => {
  if (chunk instanceof Uint8Array) return chunk
  return Buffer.from(String(chunk), isEncoding(encoding) ? encoding : 'utf8')
}

export const byteLength = (chunk: unknown, encoding: unknown): number => {
  if (chunk instanceof Uint8Array) return chunk.byteLength
  if (typeof chunk !== 'string') return 0
  return Buffer.byteLength(chunk, isEncoding(encoding) ? encoding : 'utf8')
}

const isEncoding = (value: unknown): value is BufferEncoding =>
  typeof value === 'string' && Buffer.isEncoding(value)
