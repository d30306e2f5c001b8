import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Order } from './orders.ts'

const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/** One process with a cache of its own. */
export class Hand {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ready = Promise.withResolvers<unknown>()
  /** Told when a load begins here. */
  onLoading: () => void = () => {}
  #orders = 0

  constructor(url: string, prefix: string, deadline: string) {
    this.#waiting.set(0, this.#ready)
    this.#child = fork(worker, [url, prefix, deadline], { execArgv: ['--conditions=@millrace/source'] })
    this.#child.on('message', (answer: Answer) => this.#hear(answer))
    this.#child.on('exit', () => {
      for (const each of this.#waiting.values()) each.reject(new Error('the process has ended'))
    })
  }

  get ready(): Promise<unknown> {
    return this.#ready.promise
  }

  tell(order: Omit<Order, 'id'>): Promise<unknown> {
    const id = ++this.#orders
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(id, answer)
    this.#child.send({ ...order, id })
    return answer.promise
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #hear({ id, loading, result, error }: Answer): void {
    if (loading) {
      this.onLoading()
      return
    }
    const answer = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) answer?.resolve(result)
    else answer?.reject(new Error(error))
  }
}

/**
 * Some processes that share a Redis, and nothing else.
 *
 * @param urls their ways to it
 * @param deadline of what they ask it: who waits in vain for a lock loads by itself, which a busy machine can bring about
 */
export const withCrew = async (
  urls: readonly string[],
  task: (crew: readonly Hand[]) => Promise<void>,
  deadline = '50ms',
): Promise<void> => {
  const prefix = `crew:${process.pid}:${process.hrtime.bigint()}:`
  const crew = urls.map((url) => new Hand(url, prefix, deadline))
  try {
    await Promise.all(crew.map((hand) => hand.ready))
    await task(crew)
  } finally {
    for (const hand of crew) hand.kill()
  }
}
