import type { Body } from './body.ts'

/**
 * One body under several content codings, by their lower-case names (`br`, `gzip`): where whoever keeps a body and whoever
 * encodes bodies meet, so that no body is encoded twice.
 */
export interface Encodings {
  get(coding: string): Uint8Array | undefined
  /** Keeps it beside the body it was made of, if that is still kept. */
  set(coding: string, bytes: Uint8Array): void
}

const known = new WeakMap<Uint8Array, Encodings>()

/** For who keeps bodies: says where the encodings of one are. It is the bytes' identity that counts, so give out no copy. */
export const keepEncodings = (body: Uint8Array, encodings: Encodings): void => {
  known.set(body, encodings)
}

/** For who encodes bodies. Undefined of a body that nobody keeps. */
export const encodingsOf = (body: Body): Encodings | undefined =>
  body instanceof Uint8Array ? known.get(body) : undefined
