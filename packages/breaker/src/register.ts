/** What can go on under other options. */
interface Configurable<O> {
  configure(options: O): void
}

interface Entry<T> {
  readonly thing: T
  serial: number
}

/** One place's hold of a thing. */
export interface Hold<T> {
  readonly thing: T
  /** Call it for each work. */
  readonly follow: () => void
}

/** How many names there may be: those that were configured last. */
const mostNames = 10_000

/**
 * What several places share by a name. Of what they say the last holds, from when the first work comes by under it: a table
 * that is not taken changes nothing.
 */
export class Register<T extends Configurable<O>, O> {
  readonly #entries = new Map<string, Entry<T>>()
  #serial = 0

  at(name: string, options: O, make: () => T): Hold<T> {
    const serial = ++this.#serial
    const entry = this.#entries.get(name) ?? { thing: make(), serial }
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    if (this.#entries.size > mostNames) {
      const [oldest = ''] = this.#entries.keys()
      this.#entries.delete(oldest)
    }
    const follow = (): void => {
      if (serial <= entry.serial) return
      entry.serial = serial
      entry.thing.configure(options)
    }
    return { thing: entry.thing, follow }
  }

  get(name: string): T | undefined {
    return this.#entries.get(name)?.thing
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, thing: T]> {
    for (const [name, { thing }] of this.#entries) yield [name, thing]
  }
}
