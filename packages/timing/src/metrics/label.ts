/** `a="x",b="y"`. A label without a value is as good as none. */
export const labelText = (
  names: readonly string[],
  values: readonly (string | number | undefined)[],
): string => {
  const parts: string[] = []
  for (const [i, name] of names.entries()) {
    const value = values[i]
    if (value !== undefined && value !== '') parts.push(`${name}="${escaped(String(value))}"`)
  }
  return parts.join(',')
}

/** Quotes are escaped in label values, and in OpenMetrics also in help texts. */
export const escaped = (text: string, quotes = true): string => {
  const safe = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return quotes ? safe.replaceAll('"', '\\"') : safe
}
