import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Answer, RequestFields } from './group.ts'
import { pinned } from './machine.ts'

/** What a serving process can be asked. */
export type Question = 'cpu' | 'profile' | 'hot spots'

const script = fileURLToPath(new URL('server.ts', import.meta.url))

/** One contender, serving in a process of its own. */
export class Serving {
  readonly #child: ChildProcess
  readonly url: string

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  /**
   * @param module what exports the `groups`
   * @param everywhere whether it may use every core, rather than the server's
   */
  static async start(
    module: string,
    group: string,
    contender: string,
    path: string,
    { everywhere = false }: { readonly everywhere?: boolean } = {},
  ): Promise<Serving> {
    const all = [...process.execArgv, script, module, group, contender]
    const [command, args] = everywhere ? [process.execPath, all] : pinned('server', process.execPath, all)
    const child = spawn(command, args, {
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const port = await reply(child)
    return new Serving(child, `http://127.0.0.1:${port}${path}`)
  }

  /** The processor time it has used, in microseconds. */
  async cpu(): Promise<number> {
    return Number(await this.#ask('cpu'))
  }

  async startProfile(): Promise<void> {
    await this.#ask('profile')
  }

  /** Where the time went since the start of the profile, as text. */
  async hotSpots(): Promise<string> {
    return String(await this.#ask('hot spots'))
  }

  /**
   * Asks twice, so that a cache has what it needs for the second answer.
   *
   * @returns how many bytes the second answer's body had on the wire
   * @throws Error when that is not as it should be
   */
  async verify({ status, body, fields }: Answer, headers: RequestFields): Promise<number> {
    await ask(this.url, headers)
    const answer = await ask(this.url, headers)
    const wrong: string[] = []
    if (answer.status !== status) wrong.push(`status ${answer.status}, not ${status}`)
    if (answer.body !== body) wrong.push(`body ${answer.body.slice(0, 200)}`)
    for (const [name, expected] of Object.entries(fields)) {
      const value = answer.headers[name]
      if (!expected.test(String(value))) wrong.push(`${name}: ${value}, not ${expected}`)
    }
    if (wrong.length > 0) throw new Error(`${this.url} answered wrongly: ${wrong.join('; ')}`)
    return answer.bytes
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  async #ask(question: Question): Promise<unknown> {
    const answer = reply(this.#child)
    this.#child.send(question)
    return await answer
  }
}

const reply = async (child: ChildProcess): Promise<unknown> => {
  const settled = new AbortController()
  const { signal } = settled
  const gone = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the server ended with ${code}`)
  })
  try {
    const [message]: unknown[] = await Promise.race([once(child, 'message', { signal }), gone])
    return message
  } finally {
    gone.catch(() => undefined)
    settled.abort()
  }
}

interface Asked {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
  /** On the wire. */
  readonly bytes: number
}

const ask = (url: string, asked: RequestFields): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers: { ...asked } }, (answer) => {
      const { statusCode: status, headers } = answer
      buffer(answer).then((body) => {
        resolve({ status, headers, body: decoded(body, headers), bytes: body.byteLength })
      }, reject)
    })
    request.once('error', reject)
  })

const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
}

const decoded = (bytes: Buffer, headers: NodeJS.Dict<string | string[]>): string =>
  (decoders[String(headers['content-encoding'])]?.(bytes) ?? bytes).toString()
