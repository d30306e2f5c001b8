import { Stem } from './stem.ts'

/**
 * The header fields of a reply in the order and the case in which they go out. Names are matched without case
 * (RFC 9110 section 5.1); a field may stand several times (`Set-Cookie`).
 *
 * Kept as one flat list of names and values, the shape `http.ServerResponse.writeHead` takes as it is: writing a
 * stored reply costs no conversion, and on the dozen fields of a real reply a scan is as fast as a map.
 */
export class HeaderMap {
  /** Whether a method changed anything since this map was made. */
  changed = false
  /** Undefined as long as nobody has asked for the whole list. */
  #raw: readonly string[] | undefined
  readonly #stem: Stem | undefined
  readonly #more: readonly string[]
  /** The same list, once it is this map's own. */
  #own: string[] | undefined

  /**
   * @param first name, value, name, value, ...: shared until the first change, so it must not change either.
   * @param more fields that come after them, of the same shape
   */
  constructor(first: readonly string[] | Stem = none, more: readonly string[] = none) {
    this.#more = more
    if (first instanceof Stem) this.#stem = first
    else this.#raw = more.length === 0 ? first : [...first, ...more]
  }

  /** Name, value, name, value, ... */
  get raw(): readonly string[] {
    this.#raw ??= [...(this.#stem?.raw ?? none), ...this.#more]
    return this.#raw
  }

  /** What the fields begin with, where the map was made of such a one and nothing was changed. */
  get stem(): Stem | undefined {
    return this.#own === undefined ? this.#stem : undefined
  }

  /** The fields after the stem. */
  get more(): readonly string[] {
    return this.#more
  }

  static from(fields: Readonly<Record<string, string | number | readonly string[]>>): HeaderMap {
    const map = new HeaderMap()
    for (const name in fields) {
      const value = fields[name]
      if (value !== undefined) map.#push(name, value)
    }
    return map
  }

  /** The field's value; several lines are joined by ", " (RFC 9110 section 5.3); undefined when absent. */
  get(name: string): string | undefined {
    let value: string | undefined
    for (let i = this.#find(name, 0); i >= 0; i = this.#find(name, i + 2)) {
      const line = this.raw[i + 1] ?? ''
      value = value === undefined ? line : `${value}, ${line}`
    }
    return value
  }

  /** Each line of the field by itself: the only right way to read `Set-Cookie`. */
  getAll(name: string): readonly string[] {
    const values: string[] = []
    for (let i = this.#find(name, 0); i >= 0; i = this.#find(name, i + 2)) values.push(this.raw[i + 1] ?? '')
    return values
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0
  }

  /** Replaces every line of the field; the first keeps its place and, being the same field, its case. */
  set(name: string, value: string | number | readonly string[]): this {
    const at = this.#find(name, 0)
    if (at < 0) return this.append(name, value)
    this.changed = true
    if (typeof value !== 'object') {
      this.#writable()[at + 1] = String(value)
      this.#remove(name, at + 2)
    } else {
      const present = this.raw[at] ?? name
      this.#remove(name, at)
      this.#writable().splice(at, 0, ...value.flatMap((line) => [present, line]))
    }
    return this
  }

  /** Adds a line, whatever is there already. */
  append(name: string, value: string | number | readonly string[]): this {
    if (typeof value !== 'object' || value.length > 0) this.changed = true
    this.#push(name, value)
    return this
  }

  delete(name: string): boolean {
    const removed = this.#remove(name, 0)
    if (removed) this.changed = true
    return removed
  }

  /** Adds a field name to `Vary`, once; `*` swallows every other (RFC 9110 section 12.5.5). */
  vary(name: string): this {
    const present = (this.get('vary') ?? '').split(',').map((part) => part.trim())
    if (present.includes('*') || present.some((part) => part.toLowerCase() === name.toLowerCase()))
      return this
    return this.set('vary', name === '*' ? '*' : [...present.filter((part) => part !== ''), name].join(', '))
  }

  /** A map of its own with the same lines. */
  clone(): HeaderMap {
    if (this.stem) return new HeaderMap(this.stem, this.#more)
    return new HeaderMap(this.#own ? this.#own.slice() : this.raw)
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: string]> {
    for (let i = 0; i < this.raw.length; i += 2) yield [this.raw[i] ?? '', this.raw[i + 1] ?? '']
  }

  #find(name: string, from: number): number {
    for (let i = from; i < this.raw.length; i += 2) if (sameName(this.raw[i] ?? '', name)) return i
    return -1
  }

  #push(name: string, value: string | number | readonly string[]): void {
    const raw = this.#writable()
    if (typeof value === 'object') for (const line of value) raw.push(name, line)
    else raw.push(name, String(value))
  }

  #remove(name: string, from: number): boolean {
    let removed = false
    for (let i = this.#find(name, from); i >= 0; i = this.#find(name, i)) {
      this.#writable().splice(i, 2)
      removed = true
    }
    return removed
  }

  #writable(): string[] {
    if (!this.#own) {
      this.#own = this.raw.slice()
      this.#raw = this.#own
    }
    return this.#own
  }
}

const none: readonly string[] = []

/** Whether two field names are one (RFC 9110 section 5.1). */
export const sameName = (a: string, b: string): boolean =>
  a.length === b.length && (a === b || a.toLowerCase() === b.toLowerCase())
