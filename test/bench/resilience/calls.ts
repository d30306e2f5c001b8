import { breaker } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { limit, peers } from './peers.ts'

/** A function with something around it. */
export interface Contender {
  readonly label: string
  /** A new one, that has nothing in common with others. */
  make(): (n: number) => Promise<number>
}

const add = async (n: number): Promise<number> => n + 1

const rules = { breaker: { timeout: limit / 1000 } }

export const base = 'bare'

export const calls: Readonly<Record<string, Contender>> = {
  bare: { label: 'the function by itself', make: () => add },
  millrace: {
    label: '**Millrace: breaker and timeout**',
    make: () => millrace({ plugins: [breaker()] }).wrap('add', add, rules),
  },
  'millrace-signal': {
    label: '**the same, and the function asks for its signal**',
    make: () =>
      millrace({ plugins: [breaker()] }).wrap(
        'add',
        async function (n: number) {
          return this.signal.aborted ? -1 : n + 1
        },
        rules,
      ),
  },
  ...Object.fromEntries(
    Object.entries(peers).map(([name, { label, protect }]) => [name, { label, make: () => protect(add) }]),
  ),
}
