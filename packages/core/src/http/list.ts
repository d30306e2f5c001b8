/** Spaces and tabs are white space in a field, and nothing else is (RFC 9110 section 5.6.3). */
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

/** The text from `from` to `to` without the white space around it. */
const trimmed = (text: string, from: number, to: number): string => {
  let start = from
  let end = to
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/**
 * The members of a list, trimmed, empty ones included (RFC 9110 section 5.6.1). A separator in a quoted string
 * separates nothing; a quote that is not closed reaches to the end.
 *
 * @param separator `;` splits a member from its parameters (RFC 9110 section 5.6.6)
 */
export const splitList = (field: string, separator: ',' | ';' = ','): string[] => {
  const members: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < field.length; i++) {
    const char = field[i]
    if (char === '"') quoted = !quoted
    else if (quoted && char === '\\') i++
    else if (!quoted && char === separator) {
      members.push(trimmed(field, start, i))
      start = i + 1
    }
  }
  members.push(trimmed(field, start, field.length))
  return members
}

/**
 * Names in a list, in lower case, each once: of `Connection`, of `Vary`, of the argument of `private` and `no-cache`
 * (RFC 9110 section 5.6.1). Whether they are tokens is not looked at.
 */
export const parseNames = (field: string): string[] => [
  ...new Set(
    splitList(field)
      .filter((name) => name !== '')
      .map((name) => name.toLowerCase()),
  ),
]
