import type { Clock } from '@millrace/core'
import { Circuit } from './circuit.ts'
import type { Why } from './events.ts'
import type { CircuitPolicy, State } from './policy.ts'

/** What a place says about the circuits of a name. */
export interface CircuitsTerms {
  readonly policy: CircuitPolicy
  /** Whether other processes are told of it, and heard. */
  readonly isShared: boolean
}

export interface CircuitsOptions {
  readonly name: string
  readonly clock: Clock
  readonly terms: CircuitsTerms
  readonly random: () => number
  readonly changed: (name: string, circuit: Circuit, from: State, to: State, why: Why) => void
  /** How many keys there may be. */
  readonly limit: number
}

/** The circuits of one name: the one without a key, and one for each key. */
export class Circuits {
  readonly name: string
  readonly #options: CircuitsOptions
  #terms: CircuitsTerms
  #single: Circuit | undefined
  /** What an operator has said of all of them: it holds for those that are still to come. */
  #forced: 'open' | 'closed' | undefined
  /** By key, the least recently used first. */
  readonly #closed = new Map<string, Circuit>()
  readonly #others = new Map<string, Circuit>()

  constructor(options: CircuitsOptions) {
    this.name = options.name
    this.#options = options
    this.#terms = options.terms
  }

  get isShared(): boolean {
    return this.#terms.isShared
  }

  /** Other terms from now on. */
  configure(terms: CircuitsTerms): void {
    this.#terms = terms
    for (const circuit of this) circuit.configure(terms.policy)
  }

  /** The one without a key. */
  get single(): Circuit {
    if (this.#single !== undefined) return this.#single
    this.#single = this.#make('')
    if (this.#forced !== undefined) this.#single.isolate(this.#forced)
    return this.#single
  }

  /** Made when it is not there; then one that is not used goes, a closed one first. */
  at(key: string): Circuit {
    if (key === '') return this.single
    const other = this.#others.get(key)
    if (other !== undefined) {
      use(this.#others, key, other)
      return other
    }
    const found = this.#closed.get(key)
    if (found !== undefined) {
      use(this.#closed, key, found)
      return found
    }
    if (this.#closed.size + this.#others.size >= this.#options.limit) {
      const from = this.#closed.size > 0 ? this.#closed : this.#others
      const [oldest = ''] = from.keys()
      from.delete(oldest)
    }
    const circuit = this.#make(key)
    this.#closed.set(key, circuit)
    if (this.#forced !== undefined) circuit.isolate(this.#forced)
    return circuit
  }

  /** By an operator: the one of a key, or all of them, those that are still to come among them. */
  isolate(way: 'open' | 'closed', key: string | undefined): void {
    if (key !== undefined) {
      this.at(key).isolate(way)
      return
    }
    this.#forced = way
    for (const circuit of [this.single, ...this]) circuit.isolate(way)
  }

  /** Ends {@link isolate}. */
  release(key: string | undefined): void {
    if (key === undefined) this.#forced = undefined
    for (const circuit of this.#pick(key)) circuit.release()
  }

  /** Closes the one of a key, or all of them. */
  reset(key: string | undefined): void {
    if (key === undefined) this.#forced = undefined
    for (const circuit of this.#pick(key)) circuit.reset()
  }

  /** Those that may be open: what the others say, or an operator, is among it. */
  *unclosed(): Iterable<Circuit> {
    if (this.#single !== undefined) yield this.#single
    yield* [...this.#others.values()]
  }

  /** All that the others agree on, in milliseconds by key. */
  outvote(open: ReadonlyMap<string, number>): void {
    for (const circuit of this.unclosed()) if (!open.has(circuit.key)) circuit.outvote(0)
    for (const [key, left] of open) this.at(key).outvote(left)
  }

  /** Those that are not closed first. */
  *[Symbol.iterator](): Iterator<Circuit> {
    yield* this.unclosed()
    yield* [...this.#closed.values()]
  }

  /** Only what is there. */
  #pick(key: string | undefined): readonly Circuit[] {
    if (key === undefined) return [...this]
    const found = key === '' ? this.#single : (this.#others.get(key) ?? this.#closed.get(key))
    return found === undefined ? [] : [found]
  }

  #make(key: string): Circuit {
    const { clock, random } = this.#options
    const { policy } = this.#terms
    return new Circuit({ key, clock, policy, random, changed: this.#changed })
  }

  readonly #changed = (circuit: Circuit, from: State, to: State, why: Why): void => {
    const { key } = circuit
    if (circuit !== this.#single) {
      const held = [this.#closed, this.#others].find((each) => each.get(key) === circuit)
      // One that had to go may still hear of what it had let in.
      if (held === undefined) return
      held.delete(key)
      const now = to === 'closed' ? this.#closed : this.#others
      now.set(key, circuit)
    }
    this.#options.changed(this.name, circuit, from, to, why)
  }
}

const use = (circuits: Map<string, Circuit>, key: string, circuit: Circuit): void => {
  circuits.delete(key)
  circuits.set(key, circuit)
}
