import { type Clock, Deadlines } from '@millrace/core'
import { Budget, type BudgetOptions } from './budget.ts'
import { Bulkhead, type BulkheadOptions } from './bulkhead.ts'
import type { Circuit } from './circuit.ts'
import { Circuits, type CircuitsTerms } from './circuits.ts'
import { type Constituency, Council, type CouncilOptions, type OwnTrip } from './council.ts'
import { stateChanged, type Why } from './events.ts'
import type { State } from './policy.ts'
import { type Hold, Register } from './register.ts'
import type { Votes } from './votes.ts'

/** How many keys one name may have. */
const mostKeys = 10_000

/** What all places have in common. */
export class House implements Constituency {
  /** From 0 to 1. */
  readonly random: () => number
  readonly bulkheads: Register<Bulkhead, BulkheadOptions> = new Register()
  readonly #retries = new Register<Budget, BudgetOptions>()
  readonly #hedges = new Register<Budget, BudgetOptions>()
  readonly #circuits = new Register<Circuits, CircuitsTerms>()
  readonly #deadlines = new WeakMap<Clock, Deadlines>()
  readonly #shared: { readonly votes: Votes; readonly options: CouncilOptions } | undefined
  #council: Council | undefined
  #isStarted = false

  constructor(random: () => number, shared?: { readonly votes: Votes; readonly options: CouncilOptions }) {
    this.random = random
    this.#shared = shared
  }

  /** What is agreed on with other processes; undefined where nothing is. */
  get council(): Council | undefined {
    return this.#council
  }

  async start(): Promise<void> {
    this.#isStarted = true
    this.#council?.start()
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    await this.#council?.stop()
  }

  /** All that time out share a timer. */
  deadlines(clock: Clock): Deadlines {
    const found = this.#deadlines.get(clock)
    if (found !== undefined) return found
    const made = new Deadlines(clock)
    this.#deadlines.set(clock, made)
    return made
  }

  bulkhead(name: string, options: BulkheadOptions, clock: Clock): Hold<Bulkhead> {
    return this.bulkheads.at(name, options, () => new Bulkhead(options, clock, this.deadlines(clock)))
  }

  /** How many further attempts there may be of the calls of a name. */
  budget(of: 'retry' | 'hedge', name: string, options: BudgetOptions, clock: Clock): Hold<Budget> {
    const budgets = of === 'retry' ? this.#retries : this.#hedges
    return budgets.at(name, options, () => new Budget(clock, options))
  }

  circuits(name: string, terms: CircuitsTerms, clock: Clock): Hold<Circuits> {
    if (terms.isShared) this.#share(clock)
    const { random } = this
    return this.#circuits.at(
      name,
      terms,
      () => new Circuits({ name, clock, terms, random, changed: this.#changed, limit: mostKeys }),
    )
  }

  get all(): readonly Circuits[] {
    return [...this.#circuits].map(([, circuits]) => circuits)
  }

  named(name: string): Circuits | undefined {
    return this.#circuits.get(name)
  }

  names(): readonly string[] {
    return this.all.filter(({ isShared }) => isShared).map(({ name }) => name)
  }

  *ownTrips(): Iterable<OwnTrip> {
    for (const circuits of this.all) {
      if (!circuits.isShared) continue
      for (const { key, ownTrip } of circuits.unclosed())
        if (ownTrip > 0) yield { name: circuits.name, key, left: ownTrip }
    }
  }

  outvote(name: string, open: ReadonlyMap<string, number>): void {
    this.named(name)?.outvote(open)
  }

  #share(clock: Clock): void {
    if (this.#shared === undefined || this.#council !== undefined) return
    this.#council = new Council(this.#shared.votes, clock, this, this.#shared.options)
    if (this.#isStarted) this.#council.start()
  }

  readonly #changed = (breaker: string, circuit: Circuit, from: State, to: State, why: Why): void => {
    // The others hear of what happened here, not of what they have said themselves.
    if (why !== 'votes' && why !== 'due' && this.named(breaker)?.isShared) this.#council?.tell()
    if (!stateChanged.hasSubscribers) return
    const retryAfter = to === 'open' ? circuit.retryAfter : undefined
    stateChanged.publish({ breaker, key: circuit.key, from, to, why, retryAfter })
  }
}
