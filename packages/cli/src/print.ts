import { inspect } from 'node:util'

/** Rows of cells as lines, every column as wide as its widest cell. */
export const columns = (rows: readonly (readonly string[])[]): string => {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** A value on one line, control characters escaped. */
export const show = (value: unknown): string =>
  inspect(value, {
    breakLength: Number.POSITIVE_INFINITY,
    depth: 4,
    maxArrayLength: 20,
    maxStringLength: 200,
  })

/** A document for machines. What JSON cannot say stands in it as it would be shown. */
export const json = (value: unknown): string =>
  `${JSON.stringify(value, (_, each: unknown) => (isJson(each) ? each : show(each)), 2)}\n`

const isJson = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : value === undefined || ['object', 'string', 'boolean'].includes(typeof value)
