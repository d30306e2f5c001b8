import zlib from 'node:zlib'
import { Packr } from 'msgpackr'
import {
  type Compression,
  type CompressionName,
  compressionOf,
  compressions,
  defaultCompression,
  pays,
} from './compression.ts'
import type { Entry } from './entry.ts'

export interface FrameOptions {
  /** What large values are compressed with; `false` never. Default `zstd`, or `gzip` where the runtime has none. */
  readonly compression?: CompressionName | false
  /** Values whose bytes are fewer are not compressed. Default 1024. */
  readonly threshold?: number
  /** Values whose bytes are more are compressed beside the event loop, and the frame is a promise. Default 131072. */
  readonly background?: number
}

/**
 * magic (2) · version (1) · codec (1) · length of the payload before compression (4) · crc32 of all the rest (4) · payload
 */
const head = 12
const magic = 0x4d52
const version = 1

/** No payload may say that it is longer: what a frame takes in memory is known before it is opened. */
const longest = 64 * 1024 * 1024

/** Types of structured clone; records written out in each frame, so that a frame can be read by anybody; own copies of bytes. */
const packr = new Packr({ structuredClone: true, useBigIntExtension: true, copyBuffers: true })

/**
 * An entry as bytes. A value that is no data (a function, a symbol) throws or is left out, as in structured clone; `-0`
 * becomes `0`, holes of arrays become undefined, an own field `__proto__` is renamed, half a surrogate pair becomes U+FFFD.
 *
 * @returns a promise only where the value is large and compressed
 * @throws Error when the entry is not data, RangeError when it has more than 64 MB
 */
export const encodeFrame = (entry: Entry, options: FrameOptions = {}): Uint8Array | Promise<Uint8Array> => {
  const { compression = defaultCompression, threshold = 1024, background = 131_072 } = options
  const { value, createdAt, freshUntil, staleUntil, tags, validator, cost, life } = entry
  const payload: Uint8Array = packr.pack([
    createdAt,
    freshUntil,
    staleUntil,
    tags,
    validator,
    cost,
    life,
    value,
  ])
  const length = payload.byteLength
  if (length > longest)
    throw new RangeError(`a frame holds at most ${longest} bytes, this value has ${length}`)
  if (compression === false || length < threshold || !pays(payload)) return seal(0, length, payload)
  const codec = compressions[compression]
  if (length <= background) return smaller(codec, payload, codec.compress(payload))
  // The packer's memory is its own again when this returns.
  const kept = payload.slice()
  return codec.compressLater(kept).then((compressed) => smaller(codec, kept, compressed))
}

/** @returns undefined for what is no whole frame of this version with an entry inside; never throws. */
export const decodeFrame = (bytes: Uint8Array): Entry | undefined => {
  if (bytes.byteLength < head) return undefined
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.readUInt16BE(0) !== magic || view[2] !== version) return undefined
  const length = view.readUInt32BE(4)
  const body = view.subarray(head)
  if (length > longest || view.readUInt32BE(8) !== checksum(view, body)) return undefined
  try {
    const payload = open(view[3] ?? 0, body, length)
    return payload?.byteLength === length ? entryOf(packr.unpack(payload)) : undefined
  } catch {
    return undefined
  }
}

const open = (id: number, body: Uint8Array, length: number): Uint8Array | undefined =>
  id === 0 ? body : compressionOf(id)?.decompress(body, length)

const smaller = (codec: Compression, payload: Uint8Array, compressed: Uint8Array): Uint8Array =>
  compressed.byteLength < payload.byteLength * 0.9
    ? seal(codec.id, payload.byteLength, compressed)
    : seal(0, payload.byteLength, payload)

const seal = (codec: number, length: number, body: Uint8Array): Uint8Array => {
  const frame = Buffer.allocUnsafe(head + body.byteLength)
  frame.writeUInt16BE(magic, 0)
  frame[2] = version
  frame[3] = codec
  frame.writeUInt32BE(length, 4)
  frame.set(body, head)
  frame.writeUInt32BE(checksum(frame, body), 8)
  return frame
}

const checksum = (frame: Buffer, body: Uint8Array): number =>
  zlib.crc32(body, zlib.crc32(frame.subarray(0, 8)))

const entryOf = (fields: unknown): Entry | undefined => {
  if (!Array.isArray(fields) || fields.length !== 8) return undefined
  const [createdAt, freshUntil, staleUntil, tags, validator, cost, life, value]: unknown[] = fields
  if (!isTime(createdAt) || !isTime(freshUntil) || !isTime(staleUntil)) return undefined
  if (tags !== undefined && !isTags(tags)) return undefined
  if (validator !== undefined && typeof validator !== 'string') return undefined
  if (cost !== undefined && !isTime(cost)) return undefined
  if (life !== undefined && !isTime(life)) return undefined
  return { value, createdAt, freshUntil, staleUntil, tags, validator, cost, life, isOurs: true }
}

const isTime = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value)

const isTags = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((tag) => typeof tag === 'string')
