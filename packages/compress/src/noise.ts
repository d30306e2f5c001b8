/** The byte of flags in the head of a gzip member, and the flag of a comment (RFC 1952 section 2.3.1). */
const flagsAt = 3
const comment = 0x10
const headLength = 10

/**
 * A gzip member that is longer by a comment, which no decoder shows, so that its length says less of its content ("Heal the
 * BREACH", 2022).
 *
 * @param bytes its beginning; one with other optional fields, as zlib makes none, stays as it is
 * @param length of the comment in bytes; what ends it comes on top
 */
export const withComment = (bytes: Uint8Array, length: number): Uint8Array => {
  if (bytes[flagsAt] !== 0) return bytes
  const longer = Buffer.alloc(bytes.byteLength + length + 1)
  longer.set(bytes.subarray(0, headLength))
  longer[flagsAt] = comment
  longer.fill('-', headLength, headLength + length)
  longer.set(bytes.subarray(headLength), headLength + length + 1)
  return longer
}
