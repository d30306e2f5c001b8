import type { Call } from './call.ts'
import { ConfigError } from './errors.ts'
import type { Handler } from './layer.ts'
import type { Table } from './table.ts'

/** A wrapped function as the present table has it. */
class Binding<A extends readonly unknown[], O> {
  run: Handler<Call<A>, O>
  readonly #bind: (table: Table) => Handler<Call<A>, O>

  constructor(bind: (table: Table) => Handler<Call<A>, O>, table: Table) {
    this.#bind = bind
    this.run = bind(table)
  }

  /** @returns what makes it so. @throws ConfigError */
  prepare(table: Table): () => void {
    const run = this.#bind(table)
    return () => {
      this.run = run
    }
  }
}

interface Follower {
  prepare(table: Table): () => void
}

/** The wrapped functions that somebody still holds. */
export class Bindings {
  readonly #held = new Set<WeakRef<Follower>>()
  readonly #gone = new FinalizationRegistry<WeakRef<Follower>>((ref) => this.#held.delete(ref))

  /** @throws ConfigError */
  add<A extends readonly unknown[], O>(
    bind: (table: Table) => Handler<Call<A>, O>,
    table: Table,
  ): Binding<A, O> {
    const binding = new Binding(bind, table)
    const ref = new WeakRef<Follower>(binding)
    this.#held.add(ref)
    this.#gone.register(binding, ref)
    return binding
  }

  /** All of them get the layers of another table, or, when one cannot, none. @throws ConfigError */
  follow(table: Table): void {
    const problems = new Set<string>()
    const prepared: (() => void)[] = []
    for (const ref of this.#held) {
      try {
        const commit = ref.deref()?.prepare(table)
        if (commit) prepared.push(commit)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        for (const problem of error.problems) problems.add(problem)
      }
    }
    if (problems.size > 0) throw new ConfigError([...problems])
    for (const commit of prepared) commit()
  }
}
