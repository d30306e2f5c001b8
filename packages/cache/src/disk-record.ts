import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** What the disk keeps for a key: a frame, or (without one) that the key was deleted. */
export interface DiskRecord {
  readonly key: string
  readonly at: number
  readonly expiresAt: number
  readonly frame: Uint8Array | undefined
}

/** kind (1) · crc32 of all the rest (4) · at (8) · expiresAt (8) · length of the key (4) · key · frame */
const head = 25
const value = 1
const deletion = 2

/** Keys of the database have at most 1,978 bytes, and the order's have 17 more. */
const longestName = 1100
const kept = 1000

/** @returns the bytes that a key is found by; undefined for half a surrogate pair, which has no bytes of its own */
export const nameOf = (key: string): Buffer | undefined => {
  if (!key.isWellFormed()) return undefined
  // The first byte: no name is empty.
  const name = Buffer.from(`k${key}`)
  if (name.byteLength <= longestName) return name
  // The beginning stays, for walks by prefix; whose it is says the record.
  return Buffer.concat([name.subarray(0, kept), createHash('sha256').update(key).digest()])
}

/** Where a walk by prefix begins: every name of its keys starts with these bytes. */
export const prefixOf = (prefix: string): Buffer | undefined =>
  prefix.isWellFormed() ? Buffer.from(`k${prefix}`).subarray(0, kept) : undefined

/** What goes first goes first: values before deletions, by expiry, then by age. */
export const orderOf = (record: DiskRecord, name: Buffer): Buffer => {
  const order = Buffer.allocUnsafe(17)
  order[0] = record.frame ? value : deletion
  // The bytes of a positive number sort as the number does.
  order.writeDoubleBE(Math.max(0, record.expiresAt), 1)
  order.writeDoubleBE(Math.max(0, record.at), 9)
  return Buffer.concat([order, name])
}

export const orderKinds: readonly number[] = [value, deletion]

/** Before it in the order is what of `kind` has expired by `time`. */
export const orderAt = (kind: number, time: number): Buffer => {
  const order = Buffer.alloc(9, kind)
  order.writeDoubleBE(time, 1)
  return order
}

export const nameInOrder = (order: Buffer): Buffer => order.subarray(17)

export const encodeRecord = ({ key, at, expiresAt, frame }: DiskRecord): Buffer => {
  const name = Buffer.from(key)
  const record = Buffer.allocUnsafe(head + name.byteLength + (frame?.byteLength ?? 0))
  record[0] = frame ? value : deletion
  record.writeDoubleBE(at, 5)
  record.writeDoubleBE(expiresAt, 13)
  record.writeUInt32BE(name.byteLength, 21)
  record.set(name, head)
  if (frame) record.set(frame, head + name.byteLength)
  record.writeUInt32BE(checksum(record), 1)
  return record
}

/** @returns undefined when the bytes are no whole record */
export const decodeRecord = (bytes: Buffer | undefined): DiskRecord | undefined => {
  if (!bytes || bytes.byteLength < head || bytes.readUInt32BE(1) !== checksum(bytes)) return undefined
  const frameAt = head + bytes.readUInt32BE(21)
  if (frameAt > bytes.byteLength) return undefined
  return {
    key: bytes.toString('utf8', head, frameAt),
    at: bytes.readDoubleBE(5),
    expiresAt: bytes.readDoubleBE(13),
    frame: bytes[0] === value ? bytes.subarray(frameAt) : undefined,
  }
}

const checksum = (record: Buffer): number => crc32(record.subarray(5), record[0])
