import type { Entry } from '../entry.ts'
import { decodeFrame, encodeFrame } from '../frame.ts'

/** How entries become what tiers keep. */
export interface Codec {
  encode(entry: Entry): Uint8Array | Promise<Uint8Array>
  /** @returns undefined when these are no bytes of its own; an entry that `isOurs` where nobody else has its value */
  decode(bytes: Uint8Array): Entry | undefined
}

/** Checked and, where it pays, compressed: see `frame.ts`. */
export const frames: Codec = { encode: (entry) => encodeFrame(entry), decode: decodeFrame }
