import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** A program that listens on a port. */
export interface ServerProgram {
  readonly command: string
  args(port: number): readonly string[]
  /** What it writes to its standard output when it listens. */
  readonly ready: RegExp
  /** Of the environment, besides what the parent has. */
  readonly env?: Readonly<Record<string, string>>
}

/** A server in a process of its own, to be killed, paused, and started again on its port. */
export class ChildServer {
  readonly port: number
  readonly #program: ServerProgram
  #process: ChildProcess | undefined

  constructor(port: number, program: ServerProgram) {
    this.port = port
    this.#program = program
  }

  /** On a free port. */
  static async launch(program: ServerProgram): Promise<ChildServer> {
    const server = new ChildServer(await freePort(), program)
    await server.start()
    return server
  }

  /** @throws Error with what it wrote when it ended before it listened */
  async start(): Promise<void> {
    const { command, args, ready, env } = this.#program
    const child = spawn(command, args(this.port), {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    this.#process = child
    let log = ''
    // What it writes later is read as well: a pipe that nobody reads stops it, one that is closed ends it.
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      log += chunk
      if (!ready.test(log)) continue
      child.stdout.resume()
      return
    }
    throw new Error(`${command} did not start:\n${log}`)
  }

  /** As a machine that is out of memory: connections stand, nobody answers (SIGSTOP). */
  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Without a warning to it (SIGKILL). */
  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    this.#process = undefined
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

/** Below 55,000: the bus of a Redis Cluster takes the port 10,000 further up, which has to exist. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    if (address !== null && typeof address === 'object' && address.port < 55_000) return address.port
  }
}
