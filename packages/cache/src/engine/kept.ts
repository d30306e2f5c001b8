import type { Entry } from '../entry.ts'
import type { Resolved } from './options.ts'
import { copyOf, guard } from './sharing.ts'

/** What follows from the options, and is the same object for all entries for which it is the same. */
interface Terms {
  readonly life: number | undefined
  /** How long it stays when it is not fresh any more. */
  readonly grace: number
  /** How long before that a read has it loaded anew; `-Infinity` never. */
  readonly ahead: number
  /** Whether each read needs a second look. */
  readonly isWatched: boolean
  readonly copied: boolean
  readonly tags: readonly string[] | undefined
  readonly validator: string | undefined
}

/** The terms that the last entry with these options had: the next one most often has the same. */
const lastTerms = new WeakMap<Resolved, Terms>()

const termsOf = (entry: Entry, options: Resolved, freshUntil: number, copied: boolean): Terms => {
  const { createdAt, staleUntil, life, tags, validator } = entry
  const grace = freshUntil === Number.POSITIVE_INFINITY ? 0 : staleUntil - freshUntil
  const ahead =
    options.eager > 1 || freshUntil === Number.POSITIVE_INFINITY
      ? Number.NEGATIVE_INFINITY
      : (life ?? freshUntil - createdAt) * (1 - options.eager)
  const last = lastTerms.get(options)
  if (
    last !== undefined &&
    last.life === life &&
    last.grace === grace &&
    last.ahead === ahead &&
    last.copied === copied &&
    last.tags === tags &&
    last.validator === validator
  ) {
    return last
  }
  const isWatched = copied || options.sliding || (tags !== undefined && tags.length > 0)
  const terms: Terms = { life, grace, ahead, isWatched, copied, tags, validator }
  lastTerms.set(options, terms)
  return terms
}

/**
 * An entry as the near tier holds it, with what a read wants to know at a glance. There are as many as fit, so it has few
 * fields, and few numbers that V8 would keep in objects of their own.
 */
export class Kept implements Entry {
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  /** How many doubts there had been (see `Trust`) when it was last known to hold. */
  checked: number
  /** Not loaded anew before, as that has failed. */
  retryAt = 0
  readonly #terms: Terms
  readonly #microseconds: number | undefined
  #answer: Promise<unknown> | undefined

  constructor(entry: Entry, options: Resolved, checked: number, freshUntil: number = entry.freshUntil) {
    const { value, copied } = guard(entry.value, options.values, entry.isOurs)
    this.value = value
    this.createdAt = entry.createdAt
    this.freshUntil = freshUntil
    this.checked = checked
    this.#terms = termsOf(entry, options, freshUntil, copied)
    this.#microseconds = entry.cost === undefined ? undefined : Math.round(entry.cost * 1000)
  }

  /** The value for all who await it; made when the first does. */
  get promise(): Promise<unknown> {
    this.#answer ??= Promise.resolve(this.value)
    return this.#answer
  }

  get staleUntil(): number {
    return this.freshUntil + this.#terms.grace
  }

  get tags(): readonly string[] | undefined {
    return this.#terms.tags
  }

  get validator(): string | undefined {
    return this.#terms.validator
  }

  get cost(): number | undefined {
    return this.#microseconds === undefined ? undefined : this.#microseconds / 1000
  }

  get life(): number | undefined {
    return this.#terms.life
  }

  /** Whether callers get copies. */
  get copied(): boolean {
    return this.#terms.copied
  }

  /** Until then it is handed out without a second look; 0 where each read needs one. */
  get plainUntil(): number {
    return this.#terms.isWatched ? 0 : Math.min(this.freshUntil, this.eagerAt)
  }

  /** From then on a read has it loaded anew. */
  get eagerAt(): number {
    return this.freshUntil - this.#terms.ahead
  }
}

/** What a caller gets. A name stands for a type here: what is kept under a key is what its loader brought. */
export const handOut = <V>(kept: Kept): V => (kept.copied ? copyOf(kept.value) : kept.value) as V

/** The same as a promise. Where it is no copy all get one promise, as to make another is much of what a hit costs. */
export const answer = <V>(kept: Kept): Promise<V> =>
  (kept.copied ? Promise.resolve(copyOf(kept.value)) : kept.promise) as Promise<V>
