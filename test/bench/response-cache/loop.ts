import { Server } from 'node:http'
import { Duplex } from 'node:stream'
import type { Contender, Group } from '../overhead/group.ts'
import { spread } from '../overhead/spread.ts'
import { groups } from './groups.ts'
import { path } from './pages.ts'

// What a hit takes of this process alone: connections that nothing is sent over. Prints a table.

const blocks = 40
const each = 2000
/** The compiler has not seen all of it before. */
const warmUp = 6

/** Asks again as soon as it is answered. */
class Connection extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  readonly #request: string
  #left = 0
  #done: (() => void) | undefined
  answer = ''

  constructor({ headers }: Contender, group: Group) {
    super()
    const fields = Object.entries({ host: '127.0.0.1:8080', ...(headers ?? group.headers) })
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`)
    this.#request = `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
  }

  ask(times: number): Promise<void> {
    this.#left = times
    return new Promise((resolve) => {
      this.#done = resolve
      this.push(this.#request)
    })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#answered([chunk], done)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#answered(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  // What a socket has besides.
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  #answered(chunks: readonly Buffer[], done: () => void): void {
    this.answer = chunks[0]?.toString('latin1', 0, 4000) ?? ''
    done()
    if (--this.#left > 0) setImmediate(() => this.push(this.#request))
    else this.#done?.()
  }
}

const entered: readonly (readonly [group: string, contender: string])[] = [
  ...['raw', 'listener', 'map', 'express', 'apicache', 'koa-map', 'koa', 'koa-cash'].map(
    (name): [string, string] => ['small', name],
  ),
  ...['raw', 'listener'].map((name): [string, string] => ['small-encoded', name]),
  ...Object.keys(groups['not-modified']?.contenders ?? {}).map((name): [string, string] => [
    'not-modified',
    name,
  ]),
  ...Object.keys(groups['kinds']?.contenders ?? {}).map((name): [string, string] => ['kinds', name]),
]

interface Runner {
  readonly label: string
  readonly connection: Connection
  readonly times: number[]
}

const runners: Runner[] = []
for (const [name, contender] of entered) {
  const group = groups[name]
  const made = group?.contenders[contender]
  if (group === undefined || made === undefined) throw new Error(`no contender "${name}/${contender}"`)
  const server = await made.server()
  if (!(server instanceof Server)) throw new TypeError('expected a server in this process')
  const connection = new Connection(made, group)
  server.emit('connection', connection)
  // The second time it is there, once what keeps it has come to rest.
  await connection.ask(1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await connection.ask(1)
  if (!connection.answer.startsWith(`HTTP/1.1 ${made.answer.status} `))
    throw new Error(`${name}/${contender} answered ${connection.answer.slice(0, 100)}`)
  runners.push({ label: `${name}: ${made.label}`, connection, times: [] })
}

for (let block = 0; block < blocks; block++) {
  const from = block % runners.length
  for (const { connection, times } of [...runners.slice(from), ...runners.slice(0, from)]) {
    const began = process.hrtime.bigint()
    await connection.ask(each)
    const took = Number(process.hrtime.bigint() - began)
    if (block >= warmUp) times.push(took / each / 1000)
  }
}

const base = spread(runners[0]?.times ?? []).min
console.log('| without sockets | least µs | median | over the first |')
console.log('|---|---:|---:|---:|')
for (const { label, times } of runners) {
  const { median, min } = spread(times)
  console.log(`| ${label} | ${min.toFixed(2)} | ${median.toFixed(2)} | ${(min - base).toFixed(2)} |`)
}
process.exit()
