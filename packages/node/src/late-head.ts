import { HeaderMap } from '@millrace/core'
import type { HostResponse } from './host.ts'

/** The head that a late handler writes, and nobody reads but itself. */
export class LateHead {
  sent = false
  readonly methods: Readonly<Record<string, (...args: never[]) => unknown>>
  readonly #fields = new HeaderMap()

  constructor(res: HostResponse) {
    const fields = this.#fields
    this.methods = {
      setHeader: (name: unknown, value: unknown) => {
        this.#set(name, value)
        return res
      },
      setHeaders: (all: Iterable<readonly [string, unknown]>) => {
        for (const [name, value] of all) this.#set(name, value)
        return res
      },
      appendHeader: (name: unknown, value: unknown) => {
        fields.append(String(name), Array.isArray(value) ? value.map(String) : String(value))
        return res
      },
      removeHeader: (name: unknown) => void fields.delete(String(name)),
      hasHeader: (name: unknown) => fields.has(String(name)),
      getHeader: (name: unknown) => this.#get(String(name)),
      getHeaderNames: () => this.#names().map((name) => name.toLowerCase()),
      getRawHeaderNames: () => this.#names(),
      getHeaders: () =>
        Object.fromEntries(this.#names().map((name) => [name.toLowerCase(), this.#get(name)])),
      writeHead: () => {
        this.sent = true
        return res
      },
      flushHeaders: () => {
        this.sent = true
      },
    }
  }

  #set(name: unknown, value: unknown): void {
    this.#fields.set(String(name), Array.isArray(value) ? value.map(String) : String(value))
  }

  #get(name: string): string | readonly string[] | undefined {
    const values = this.#fields.getAll(name)
    return values.length > 1 ? values : values[0]
  }

  #names(): readonly string[] {
    return [...new Map([...this.#fields].map(([name]) => [name.toLowerCase(), name])).values()]
  }
}
