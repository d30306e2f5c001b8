import type { Remark } from '@millrace/core'

/** A field that grows without end is refused by proxies, and the reply with it (express-middleware-headers-server-timing#41). */
export const mostEntries = 16
const longestWord = 32

/** One entry (W3C Server Timing, 3). @param duration milliseconds */
export const entryOf = (name: string, duration?: number, description?: string): string => {
  const entry = description === undefined ? name : `${name};desc=${word(description)}`
  return duration === undefined ? entry : `${entry};dur=${duration.toFixed(1)}`
}

/** What is told of an exchange: the total first, then each remark, in the order in which they were made. */
export const timingField = (
  metric: string,
  total: number,
  handler: number | undefined,
  remarks: readonly Remark[],
): string => {
  let field = entryOf(metric, total)
  if (handler !== undefined) field += `, ${entryOf('handler', handler)}`
  for (const { name, duration, outcome } of remarks) field += `, ${entryOf(word(name), duration, outcome)}`
  return field
}

/** A token (RFC 9110 5.6.2), so that nothing has to be quoted and no field can be split. */
const word = (text: string): string =>
  text.replace(/[^!#$%&'*+.^_`|~0-9A-Za-z-]/g, '_').slice(0, longestWord) || '_'
