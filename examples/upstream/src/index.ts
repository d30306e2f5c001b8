import { fileURLToPath } from 'node:url'
import { ChildServer } from '@millrace/testing'

export interface UpstreamOptions {
  /** How many things it does at a time. What comes meanwhile waits, however long, and is done even if nobody waits any more. */
  readonly hands: number
  /** Milliseconds for each. */
  readonly work: number
}

export interface Behaviour {
  /** Milliseconds for each from now on. */
  readonly work?: number
  /** The share that is answered with 500. */
  readonly failing?: number
}

/** A service in a process of its own. */
export interface Upstream extends AsyncDisposable {
  readonly origin: string
  /** The process: `pause`, `resume`, `kill`, `start`. */
  readonly server: ChildServer
  behave(behaviour: Behaviour): Promise<void>
}

const main = fileURLToPath(new URL('main.ts', import.meta.url))

export async function startUpstream({ hands, work }: UpstreamOptions): Promise<Upstream> {
  const server = await ChildServer.launch({
    command: process.execPath,
    args: (port) => [main, String(port), String(hands), String(work)],
    ready: /listening/,
  })
  const origin = `http://127.0.0.1:${server.port}`
  return {
    origin,
    server,
    async behave(behaviour) {
      const query = new URLSearchParams()
      for (const [name, value] of Object.entries(behaviour)) query.set(name, String(value))
      await fetch(`${origin}/behave?${query}`)
    },
    [Symbol.asyncDispose]: () => server.kill(),
  }
}
