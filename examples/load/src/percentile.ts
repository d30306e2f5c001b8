/** The smallest of the values that at least `percent` in a hundred of them do not exceed (the nearest rank). */
export function percentile(values: Float64Array, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * values.length))
  return values.toSorted()[rank - 1] ?? Number.NaN
}
