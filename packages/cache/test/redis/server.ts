import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChildServer, freePort } from '@millrace/testing'
import { Redis } from 'ioredis'

const installed = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0
if (!installed && process.env.CI) throw new Error('These tests need redis-server on the PATH.')

/** For `describe`: where nobody reads the output a skipped test would be a lost one, so that fails above. */
export const skip: string | false = installed ? false : 'no redis-server on the PATH'

/** A redis-server of its own that keeps nothing, to be killed, paused and started again on its port. */
export class Server extends ChildServer {
  readonly #folder: string

  private constructor(port: number, folder: string, args: readonly string[]) {
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
    super(port, {
      command: 'redis-server',
      args: () =>
        args.includes('--sentinel')
          ? [join(folder, 'redis.conf'), ...args, ...own]
          : [...own, '--save', '', '--appendonly', 'no', ...args],
      ready: /Ready to accept connections|Sentinel ID is/,
    })
    this.#folder = folder
  }

  static async start(...args: string[]): Promise<Server> {
    const server = new Server(await freePort(), newFolder(), args)
    await server.start()
    return server
  }

  /** A Sentinel is made of a file, which it writes to. */
  static async sentinel(lines: readonly string[]): Promise<Server> {
    const server = new Server(await freePort(), newFolder(), ['--sentinel'])
    writeFileSync(join(server.#folder, 'redis.conf'), [...lines, ''].join('\n'))
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
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

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'millrace-redis-'))

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
