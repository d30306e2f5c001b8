import assert from 'node:assert/strict'

/** A place that breaks a rule. */
export interface Finding {
  /** From the workspace's root. */
  readonly path: string
  readonly line: number
  readonly message: string
}

/** The line, counted from 1, that an offset is on. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

/** The line, counted from 1, that first says something; the first line when none does. */
export const lineOf = (text: string, part: string): number => lineAt(text, Math.max(0, text.indexOf(part)))

const print = ({ path, line, message }: Finding): string => `${path}:${line} ${message}`

export const assertNone = (findings: readonly Finding[]): void => {
  if (findings.length > 0) assert.fail(`\n${findings.map(print).join('\n')}\n`)
}

/** Asserts the messages found, in their order: what a check's own test says of a fixture that breaks its rule. */
export const assertFound = (findings: readonly Finding[], ...expected: (string | RegExp)[]): void => {
  const found = findings.map(print)
  assert.equal(found.length, expected.length, `found:\n${found.join('\n')}`)
  for (const [index, text] of expected.entries()) {
    const actual = found[index] ?? ''
    if (typeof text === 'string') assert.equal(actual, text)
    else assert.match(actual, text)
  }
}
