/** An amount of memory: `'500b'`, `'64kb'`, `'1.5mb'`, `'2gb'` (powers of 1024), or a number of bytes. */
export type Size = string | number

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
  tb: 1024 ** 4,
}

export const sizeExpected = 'a size such as "64mb" or 1048576 (bytes)'

/** @returns whole bytes; undefined when `value` is no size. `Infinity` is one, a negative number is not. */
export const parseSize = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value >= 0 ? Math.floor(value) : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb)$/i.exec(value.trim())
  return match ? Math.floor(Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? 0)) : undefined
}
