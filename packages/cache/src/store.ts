/** A reply as it is kept. */
export interface Entry {
  readonly status: number
  /** Name, value, name, value, ...; with `Content-Length`, without what belongs to one connection or request. */
  readonly fields: readonly string[]
  readonly body: Uint8Array
  /** Milliseconds since 1970. */
  readonly storedAt: number
  /** Milliseconds since 1970; `Infinity` never. */
  readonly expiresAt: number
}

/** Where entries are kept. May forget any of them at any time. */
export interface Store {
  readonly name: string
  get(key: string): Promise<Entry | undefined>
  /** What `get` would bring, where it needs no waiting. */
  near?(key: string): Entry | undefined
  set(key: string, entry: Entry): Promise<void>
  delete(key: string): Promise<void>
  inspect(): unknown
}
