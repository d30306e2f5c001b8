import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** An app that runs in a process of its own, so that whoever sends it requests does not take its time. */
export interface Served {
  readonly port: number
  readonly origin: string
  /** How many handlers have run since the process started. */
  handlerCalls(): Promise<number>
  stop(): Promise<void>
}

/**
 * Starts a module that serves an app. It sends the port as soon as it listens, answers every message with the
 * number of handler calls, and ends when it is disconnected.
 */
export async function serve(module: URL, args: readonly string[]): Promise<Served> {
  const child = fork(module, args)
  const port = await nextNumber(child)
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    handlerCalls() {
      child.send('handlerCalls')
      return nextNumber(child)
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** The next number that the child sends; fails when it ends instead. */
async function nextNumber(child: ChildProcess): Promise<number> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    const ended = once(child, 'exit', { signal }).then(([code, killed]) => {
      throw new Error(`${child.spawnargs.join(' ')} ended with ${killed ?? code}`)
    })
    const [message] = await Promise.race([once(child, 'message', { signal }), ended])
    return Number(message)
  } finally {
    settled.abort()
  }
}
