import type { Explanation, Millrace } from '@millrace/core'
import { columns, show } from './print.ts'
import { isAmbiguous, ProblemError } from './problem.ts'

/** What holds for one request. */
export interface Explained extends Explanation {
  readonly method: string
  readonly path: string
}

/** @throws ProblemError when the path is ambiguous */
export const explain = (mill: Millrace, method: string, path: string): Explained => {
  const asked = { method: method.toUpperCase(), path }
  try {
    return { ...asked, ...mill.explain(method, path) }
  } catch (error) {
    if (!isAmbiguous(error)) throw error
    throw new ProblemError([
      `${asked.method} ${show(path)}: ambiguous path: software reads it in more than one way, and the table says ` +
        'different things about these; a host answers it with 400',
    ])
  }
}

export const printExplained = ({ method, path, site, patterns, params, layers }: Explained): string => {
  const head = columns([
    ['request', `${method} ${path}`],
    ['site', site],
    ...labelled('patterns', patterns),
    ...labelled(
      'params',
      Object.entries(params).map(([name, value]) => `${name} = ${show(value)}`),
    ),
  ])
  if (patterns.length === 0) return `${head}\nNo rule holds: the handler answers by itself.\n`
  if (layers.length === 0) return `${head}\nNothing is switched on: the handler answers by itself.\n`
  const rows = layers.flatMap(({ plugin, stage, options, from }) => [
    [plugin, stage, '', '', from],
    ...Object.entries(options).map(([name, option]) => ['', '', name, show(option.value), option.from]),
  ])
  const said = layers.flatMap(({ plugin, says = [] }) => labelled(plugin, says))
  const table = columns([['layer', 'stage', 'option', 'value', 'rule'], ...rows])
  return `${head}\n${table}${said.length === 0 ? '' : `\n${columns(said)}`}`
}

/** The label on the first line alone. */
const labelled = (label: string, values: readonly string[]): readonly (readonly string[])[] =>
  values.map((value, i) => [i === 0 ? label : '', value])
