import type { Millrace } from '@millrace/core'
import { columns } from './print.ts'

/** What is configured, when nothing is wrong with it. */
export interface Checked {
  readonly routes: number
  readonly calls: number
  readonly plugins: number
  /** Plugins that no rule of the table switches on. */
  readonly unused: readonly string[]
}

export const check = (mill: Millrace): Checked => {
  const { plugins, routes, calls, unused } = mill.inspect()
  return { routes: routes.length, calls: calls.length, plugins: Object.keys(plugins).length, unused }
}

export const printChecked = ({ routes, calls, plugins }: Checked): string =>
  columns([
    ['routes', String(routes)],
    ['calls', String(calls)],
    ['plugins', String(plugins)],
  ])

export const warningsOf = ({ unused }: Checked): readonly string[] =>
  unused.map((name) => `warning: plugin "${name}" is installed, but no rule of the table switches it on`)
