import type { Coder } from './coder.ts'

const underway = new WeakMap<Uint8Array, Map<Coder, Promise<Uint8Array>>>()

/** Encodes a body in another thread, once for all who ask for it meanwhile. */
export const encodeOnce = (body: Uint8Array, coder: Coder): Promise<Uint8Array> => {
  let byCoder = underway.get(body)
  if (byCoder === undefined) {
    byCoder = new Map()
    underway.set(body, byCoder)
  }
  const known = byCoder.get(coder)
  if (known !== undefined) return known
  const encoding = coder.encodeLater(body).finally(() => byCoder.delete(coder))
  byCoder.set(coder, encoding)
  return encoding
}
