import { OutgoingMessage, type ServerResponse } from 'node:http'
import type { HeaderMap } from '@millrace/core'

/** Where Node keeps what stands on a response; by its methods the same takes five times as long. */
const kept = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === 'kOutHeaders',
)

declare module 'node:http' {
  interface OutgoingMessage {
    [own: symbol]: unknown
  }
}

/** By lower-case name `[name, value]`. */
export type Kept = Readonly<Record<string, unknown>>

export const isKept = (value: unknown): value is Kept => typeof value === 'object' && value !== null

/** What stands on a response, as Node keeps it; null where nothing does, undefined where it cannot be told. */
export const keptOn = (res: ServerResponse): Kept | null | undefined => {
  const fields = kept && res[kept]
  return fields === null || isKept(fields) ? fields : undefined
}

/**
 * Fields that stand on a response once somebody looks at what stands there, or changes it: most often nobody does, and to
 * set each by itself is a tenth of the work of a small answer. They must be such as Node has let through before.
 */
export class LateFields implements ProxyHandler<Kept> {
  readonly before: Kept | null
  readonly own: HeaderMap
  readonly #res: ServerResponse
  #all: Record<string, unknown> | undefined

  private constructor(res: ServerResponse, before: Kept | null, own: HeaderMap) {
    this.#res = res
    this.before = before
    this.own = own
  }

  /** @returns undefined where it cannot be done */
  static put(res: ServerResponse, own: HeaderMap): LateFields | undefined {
    const before = keptOn(res)
    if (kept === undefined || before === undefined) return undefined
    const late = new LateFields(res, before, own)
    res[kept] = new Proxy(nothing, late)
    return late
  }

  /** Whether nobody has looked. */
  get untouched(): boolean {
    return this.#all === undefined
  }

  /** As if they had never been there. */
  withdraw(): void {
    if (kept !== undefined) this.#res[kept] = this.before
  }

  get(_: Kept, name: string): unknown {
    return this.#fill()[name]
  }

  set(_: Kept, name: string, value: unknown): boolean {
    this.#fill()[name] = value
    return true
  }

  has(_: Kept, name: string): boolean {
    return name in this.#fill()
  }

  deleteProperty(_: Kept, name: string): boolean {
    // As Koa does for an answer without content, of which nothing else is to be known.
    if (this.untouched && this.before === null && !this.own.has(name)) return true
    return delete this.#fill()[name]
  }

  ownKeys(): string[] {
    return Object.keys(this.#fill())
  }

  getOwnPropertyDescriptor(_: Kept, name: string): PropertyDescriptor | undefined {
    return Object.getOwnPropertyDescriptor(this.#fill(), name)
  }

  #fill(): Record<string, unknown> {
    if (this.#all !== undefined) return this.#all
    const all: Record<string, unknown> = Object.create(null)
    const { before, own } = this
    for (const name in before) all[name] = before[name]
    for (const [name] of own) {
      const lines = own.getAll(name)
      all[name.toLowerCase()] = [name, lines.length === 1 ? lines[0] : [...lines]]
    }
    this.#all = all
    if (kept !== undefined) this.#res[kept] = all
    return all
  }
}

const nothing: Kept = Object.create(null)
