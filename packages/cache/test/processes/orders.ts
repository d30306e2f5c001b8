/** What a process of a test is told to do. */
export interface Order {
  readonly id: number
  readonly what: 'load' | 'get' | 'set' | 'delete' | 'deleteTag' | 'clear' | 'loads' | 'isHealed'
  readonly key?: string
  readonly value?: string
  readonly tag?: string
  /** Default ten minutes. */
  readonly ttl?: string
  /** How many ask at once. */
  readonly times?: number
  /** How long a load takes, in milliseconds. */
  readonly takes?: number
}

/** What it says. */
export interface Answer {
  /** Of the order; 0 when it is ready. */
  readonly id: number
  /** A load has begun. */
  readonly loading?: boolean
  readonly result?: unknown
  readonly error?: string
}

/** For how long all of them serve a value while it is loaded anew. */
export const swr = '200ms'
