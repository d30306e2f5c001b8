import type { HostResponse } from './host.ts'

/** The methods of a response that a capture stands in front of. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'cork' | 'uncork'

const writing: unique symbol = Symbol('millrace.writing')

declare module './host.ts' {
  interface HostResponse {
    /** How many captures are writing to it at this moment. */
    [writing]?: number
  }
}

/** What a capture's methods stand in front of: Node's own, or those of middleware further out. */
export class Below {
  readonly #res: HostResponse
  readonly #methods: Pick<HostResponse, Method>

  constructor(res: HostResponse) {
    this.#res = res
    const { writeHead, write, end, flushHeaders, cork, uncork } = res
    this.#methods = { writeHead, write, end, flushHeaders, cork, uncork }
  }

  has(method: Method, implementation: unknown): boolean {
    return this.#methods[method] === implementation
  }

  call(method: Method, args: readonly unknown[]): unknown {
    return Reflect.apply(this.#methods[method], this.#res, args)
  }

  /** Runs what writes to the response, so that calls that Node makes on the way are known as real. */
  writing<T>(task: () => T): T {
    const res = this.#res
    res[writing] = (res[writing] ?? 0) + 1
    try {
      return task()
    } finally {
      res[writing] -= 1
    }
  }
}

/** Whether a call on the response is part of sending the real answer, by any capture. */
export const isWriting = (res: HostResponse): boolean => (res[writing] ?? 0) > 0
