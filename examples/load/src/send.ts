import { hash } from 'node:crypto'
import { Agent, get, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface SendOptions {
  /** How many requests are under way at a time, each on a connection of its own that stays open. */
  readonly connections: number
  readonly signal?: AbortSignal
  onProgress?(done: number, total: number): void
}

export interface Measured {
  readonly seconds: number
  /** For every request in order: how long it took, from sending it to the last byte of the answer. */
  readonly milliseconds: Float64Array
  /** For every request in order: status, type and body of the answer, the body as a digest. */
  readonly answers: readonly string[]
}

const DEADLINE_MS = 30_000

/** Sends GET requests, a fixed number at a time, and fails with the first one that gets no answer. */
export async function send(
  origin: string,
  paths: readonly string[],
  options: SendOptions,
): Promise<Measured> {
  const { connections, signal, onProgress } = options
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const milliseconds = new Float64Array(paths.length)
  const answers = new Array<string>(paths.length)
  const waiting = paths.entries()
  let done = 0

  const connection = async (): Promise<void> => {
    // All connections share one iterator: each takes the next path as soon as it is free.
    for (const [index, path] of waiting) {
      const started = performance.now()
      const response = await request(`${origin}${path}`, agent, signal)
      const body = await buffer(response)
      milliseconds[index] = performance.now() - started
      answers[index] = `${response.statusCode} ${response.headers['content-type']} ${hash('sha1', body)}`
      onProgress?.(++done, paths.length)
    }
  }

  const started = performance.now()
  try {
    await Promise.all(Array.from({ length: connections }, connection))
  } finally {
    agent.destroy()
  }
  return { seconds: (performance.now() - started) / 1000, milliseconds, answers }
}

function request(url: string, agent: Agent, signal: AbortSignal | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent, timeout: DEADLINE_MS, ...(signal && { signal }) }, resolve)
    sent.once('timeout', () => sent.destroy(new Error(`${url} did not answer within ${DEADLINE_MS} ms`)))
    sent.once('error', reject)
  })
}
