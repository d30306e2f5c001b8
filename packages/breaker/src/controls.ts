import type { CircuitInspection } from './circuit-inspection.ts'
import type { Circuits } from './circuits.ts'
import type { House } from './house.ts'
import type { State } from './policy.ts'

/** A circuit, and how it stands. */
export interface CircuitState extends CircuitInspection {
  readonly name: string
  /** Empty where it has none. */
  readonly key: string
}

/**
 * What an operator does with circuits: `mill.breaker`. Without a key, it is done to all circuits of the name; `isolate` to
 * those that are still to come as well.
 */
export interface BreakerControls {
  /** Those that are not closed first, 100 at most for each name. */
  states(): readonly CircuitState[]
  /**
   * Opens or closes it by force, until it is released.
   *
   * @throws RangeError when there is no such circuit
   */
  isolate(name: string, way: 'open' | 'closed', key?: string): void
  /** Lets it go on in the state that it was in. @throws RangeError when there is no such circuit */
  release(name: string, key?: string): void
  /** Closes it, and forgets what it has counted. @throws RangeError when there is no such circuit */
  reset(name: string, key?: string): void
}

export const controlsOf = (house: House): BreakerControls => ({
  states: () => house.all.flatMap(statesOf),
  isolate(name, way, key) {
    if (way !== 'open' && way !== 'closed')
      throw new TypeError(`isolate(${JSON.stringify(name)}): expected "open" or "closed", got ${String(way)}`)
    named(house, name).isolate(way, key)
  },
  release(name, key) {
    named(house, name).release(key)
  },
  reset(name, key) {
    named(house, name).reset(key)
  },
})

const mostShown = 100

const statesOf = (circuits: Circuits): readonly CircuitState[] => {
  const states: CircuitState[] = []
  for (const circuit of circuits) {
    if (states.length >= mostShown) break
    states.push({ name: circuits.name, key: circuit.key, ...circuit.inspect() })
  }
  return states
}

const named = (house: House, name: string): Circuits => {
  const circuits = house.named(name)
  if (circuits !== undefined) return circuits
  const known = house.all.slice(0, 20).map((each) => each.name)
  throw new RangeError(`no circuit is named ${JSON.stringify(name)} (known: ${known.join(', ') || 'none'})`)
}

/** Of every name, how many of its circuits are in which state. */
export function* countStates(
  house: House,
): Iterable<readonly [name: string, counts: ReadonlyMap<State, number>]> {
  for (const circuits of house.all) {
    const counts = new Map<State, number>()
    for (const { state } of circuits) counts.set(state, (counts.get(state) ?? 0) + 1)
    yield [circuits.name, counts]
  }
}

/** How bulkheads stand, by name: the first 100. */
export const bulkheadsOf = (house: House): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    [...house.bulkheads]
      .slice(0, mostShown)
      .map(([name, { active, waiting, limit }]) => [name, { active, waiting, limit }]),
  )
