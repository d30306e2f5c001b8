/** Bytes on top of a view's own that are not worth a copy. */
const tolerated = 64

/** Bytes that are a part of something larger would keep all of that: they move into a store of their own. */
export const ownBytes = (bytes: Uint8Array): Uint8Array => {
  if (bytes.buffer.byteLength - bytes.byteLength <= tolerated) return bytes
  if (Buffer.isBuffer(bytes)) {
    const copy = Buffer.allocUnsafeSlow(bytes.byteLength)
    copy.set(bytes)
    return copy
  }
  return bytes.constructor === Uint8Array ? new Uint8Array(bytes) : bytes
}
