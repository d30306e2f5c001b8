// What the suite's modules export, as far as it is used here; the package has no types.

declare module 'http-cache-tests/tests/index.mjs' {
  export interface Test {
    readonly id: string
    readonly name: string
    /** Default `required`. */
    readonly kind?: 'required' | 'optimal' | 'check'
    readonly browser_only?: boolean
    /** Prints its requests and responses as it runs. */
    readonly dump?: boolean
  }
  export interface Suite {
    readonly id: string
    readonly name: string
    readonly tests: readonly Test[]
  }
  const suites: readonly Suite[]
  export default suites
}

declare module 'http-cache-tests/tests/surrogate-control.mjs' {
  import type { Suite } from 'http-cache-tests/tests/index.mjs'

  const suite: Suite
  export default suite
}

declare module 'http-cache-tests/client/runner.mjs' {
  import type { Suite } from 'http-cache-tests/tests/index.mjs'
  import type fetch from 'node-fetch'
  export type Results = Readonly<Record<string, true | readonly [kind: string, message: string]>>
  /** Once per process: the tests change while they run. */
  export const runTests: (
    suites: readonly Suite[],
    client: typeof fetch,
    browserCache: boolean,
    base: string,
    chunkSize?: number,
  ) => Promise<void>
  export const getResults: () => Results
}

declare module 'http-cache-tests/lib/display.mjs' {
  import type { Results } from 'http-cache-tests/client/runner.mjs'
  import type { Suite } from 'http-cache-tests/tests/index.mjs'
  export const determineTestResult: (
    suites: readonly Suite[],
    id: string,
    results: Results,
    honorDependencies: boolean,
  ) => readonly [icon: string, colour: string, mark: string]
}

declare module 'http-cache-tests/server/handle-*' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  const handle: (segments: string[], req: IncomingMessage, res: ServerResponse) => void
  export default handle
}

declare module 'node-fetch' {
  const client: typeof fetch
  export default client
}
