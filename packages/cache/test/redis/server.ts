import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'

const installed = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0
if (!installed && process.env.CI) throw new Error('These tests need redis-server on the PATH.')

/** For `describe`: where nobody reads the output a skipped test would be a lost one, so that fails above. */
export const skip: string | false = installed ? false : 'no redis-server on the PATH'

const freePort = async (): Promise<number> => {
  // A cluster's bus takes the port 10,000 further up, which has to exist.
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    if (address !== null && typeof address === 'object' && address.port < 55_000) return address.port
  }
}

/** A redis-server of its own that keeps nothing, to be killed, paused and started again on its port. */
export class Server {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-redis-'))
  readonly #args: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
  }

  static async start(...args: string[]): Promise<Server> {
    const server = new Server(await freePort(), args)
    await server.start()
    return server
  }

  /** A Sentinel is made of a file, which it writes to. */
  static async sentinel(lines: readonly string[]): Promise<Server> {
    const server = new Server(await freePort(), ['--sentinel'])
    writeFileSync(join(server.#folder, 'redis.conf'), [...lines, ''].join('\n'))
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const own = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder]
    const args = this.#args.includes('--sentinel')
      ? [join(this.#folder, 'redis.conf'), ...this.#args, ...own]
      : [...own, '--save', '', '--appendonly', 'no', ...this.#args]
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    let log = ''
    for await (const chunk of child.stdout) {
      log += chunk
      if (/Ready to accept connections|Sentinel ID is/.test(log)) break
    }
    if (!/Ready to accept connections|Sentinel ID is/.test(log))
      throw new Error(`redis-server did not start:\n${log}`)
  }

  /** An answer that is no list becomes one. */
  async ask(command: string, ...args: string[]): Promise<unknown[]> {
    const client = new Redis(this.url, { retryStrategy: null })
    client.on('error', () => undefined)
    try {
      const answer = await client.call(command, args)
      return Array.isArray(answer) ? answer : [answer]
    } finally {
      client.disconnect()
    }
  }

  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    this.#process = undefined
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Stands between a client and a server, and is slow or cuts the line at will. */
export class Line {
  /** Milliseconds that everything takes on its way back. */
  latency = 0
  readonly #server = createServer((socket) => this.#accept(socket))
  readonly #sockets = new Set<Socket>()
  readonly #target: number
  #isCut = false

  private constructor(target: number) {
    this.#target = target
  }

  static async to(target: Server): Promise<Line> {
    const line = new Line(target.port)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  get url(): string {
    const address = this.#server.address()
    return `redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  /** Cuts every connection, and each new one, until it is mended. */
  cut(): void {
    this.#isCut = true
    this.drop()
  }

  mend(): void {
    this.#isCut = false
  }

  /** Cuts every connection there is. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.drop()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #accept(near: Socket): void {
    if (this.#isCut) {
      near.destroy()
      return
    }
    const far = connect(this.#target, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.on('data', (chunk) => {
        if (from === near || this.latency === 0) to.write(chunk)
        else setTimeout(() => to.destroyed || to.write(chunk), this.latency)
      })
    }
  }
}

/** Milliseconds after which a test says what never came to hold. No machine is as slow as this. */
const limit = 100_000

/** Until it holds. */
export const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const began = performance.now()
  while (!(await holds())) {
    if (performance.now() - began > limit) throw new Error(`not within ${limit} ms: ${what}`)
    await wait(10)
  }
}
