import {
  type Clock,
  DeadlineError,
  failed,
  type Inject,
  type Reply,
  type SyntheticRequest,
  UnmountedError,
} from '@millrace/core'
import type { House } from './house.ts'

/** What became of a page that was asked for before anybody wanted it. */
export interface Became {
  /**
   * - `stored`: the handler ran, here or for another one who asked meanwhile, and its reply is kept.
   * - `fresh`: it was there already; the handler did not run.
   * - `refused`: it is not to be kept.
   * - `failed`: the handler threw, answered 5xx, or took over a minute.
   */
  readonly outcome: 'stored' | 'fresh' | 'refused' | 'failed'
  /** Of what was refused, as `Cache-Status` says it in `detail`; of what failed, the status or the error. */
  readonly why?: string | undefined
  /** Of what is there, in milliseconds since 1970. */
  readonly freshUntil?: number
}

/** How long a request of the cache's own may take, in milliseconds: it has no client that would leave. */
export const longest = 60_000

/** What a request that the cache makes for a page that nobody waits for is for. */
export class Ahead {
  readonly house: House
  #find: (() => Became | Promise<Became>) | undefined

  constructor(house: House) {
    this.house = house
  }

  /** The cache that the request has come to says how to find out what becomes of it, when the reply has been read. */
  reach(find: () => Became | Promise<Became>): void {
    this.#find = find
  }

  /** @param reply what came, which something further out may have answered */
  async became(reply: Reply): Promise<Became> {
    if (this.#find !== undefined) return this.#find()
    return failed(reply) ? failedBy(reply) : { outcome: 'refused', why: 'unreached' }
  }
}

export const failedBy = ({ status }: Reply): Became => ({ outcome: 'failed', why: `${status}` })

/**
 * Has a page brought and kept, unless it is there and fresh.
 *
 * @param ends further reasons to end early
 * @throws UnmountedError
 */
export const bringAhead = async (
  inject: Inject,
  request: Omit<SyntheticRequest, 'cause' | 'signal'>,
  house: House,
  clock: Clock,
  ends: readonly AbortSignal[] = [],
): Promise<Became> => {
  const own = new AbortController()
  const timer = clock.after(longest, () => own.abort(new DeadlineError(`it took over ${longest} ms`)))
  const signals = [house.stopping, ...ends]
  const end = (): void => own.abort(signals.find(({ aborted }) => aborted)?.reason)
  for (const signal of signals) signal.addEventListener('abort', end)
  if (signals.some(({ aborted }) => aborted)) end()
  const cause = new Ahead(house)
  try {
    own.signal.throwIfAborted()
    const reply = await unlessAborted(inject({ ...request, cause, signal: own.signal }), own.signal)
    await unlessAborted(drain(reply, own.signal), own.signal)
    return await unlessAborted(cause.became(reply), own.signal)
  } catch (error) {
    if (error instanceof UnmountedError) throw error
    return { outcome: 'failed', why: error instanceof Error ? error.message : String(error) }
  } finally {
    timer.cancel()
    for (const signal of signals) signal.removeEventListener('abort', end)
  }
}

/** Whatever of the app does not hear of it. */
const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave)
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })

/** Reads what nobody wants, so that it comes by who keeps it. */
export const drain = async ({ body }: Reply, signal: AbortSignal): Promise<void> => {
  if (body === null || body instanceof Uint8Array) return
  for await (const _ of body) if (signal.aborted) break
}
