/** 32 bits of a key. */
export type Hash = (key: string) => number

/** One of 2^32 permutations of 32 bits (murmur3's finish). */
export const mix = (bits: number): number => {
  let hash = bits
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/**
 * Who does not know the seed cannot choose keys that collide: not only where the hash begins depends on it, but also
 * the multiplier, as differences between keys would come through a known one.
 */
export const seededHash = (seed: number): Hash => {
  const start = mix(seed | 0)
  const multiplier = mix(start ^ 0x9e3779b9) | 1
  return (key) => {
    let hash = start
    for (let i = 0; i < key.length; i++) {
      hash = Math.imul(hash ^ key.charCodeAt(i), multiplier)
      hash ^= hash >>> 15
    }
    return mix(hash)
  }
}
