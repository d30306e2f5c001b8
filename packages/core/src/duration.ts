/** A length of time: `'250ms'`, `'1.5s'`, `'5m'`, `'2h'`, `'1d'`, `'1w'`, or a number of seconds. */
export type Duration = string | number

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

export const durationExpected = 'a duration such as "5m" or 300 (seconds)'

/** @returns milliseconds; undefined when `value` is no duration. `Infinity` is one, a negative number is not. */
export const parseDuration = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value >= 0 ? value * 1000 : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(value.trim())
  return match ? Number(match[1]) * (units[match[2] ?? ''] ?? 0) : undefined
}
