import type { Clock, Inject } from '@millrace/core'
import { type Became, bringAhead } from './ahead.ts'
import type { House } from './house.ts'

/** A page to be warmed: its URL, and fields that the requests for it will have. */
export type WarmTarget =
  | string
  | { readonly url: string; readonly headers?: Readonly<Record<string, string>> }

export interface WarmOptions {
  /** What URLs without one are on: the scheme and host that clients ask for, such as `https://shop.example`. */
  readonly origin?: string
  /** Fields of all requests: what a proxy in front adds, what clients accept. */
  readonly headers?: Readonly<Record<string, string>>
  /** How many are under way at a time. Default 4. */
  readonly concurrency?: number
  /** Ends it early. */
  readonly signal?: AbortSignal
}

/** What became of one page of a warm-up. */
export interface Warmed {
  readonly url: string
  /** `left`: it was not asked for any more, as the warm-up was ended. For the others see {@link Became}. */
  readonly outcome: Became['outcome'] | 'left'
  readonly why?: string
}

/** Has pages brought and kept before anybody asks for them. @returns what became of each, in order */
export const warm = async (
  inject: Inject,
  house: House,
  clock: Clock,
  targets: readonly WarmTarget[],
  options: WarmOptions,
): Promise<readonly Warmed[]> => {
  const { concurrency = 4, signal } = options
  if (!(Number.isInteger(concurrency) && concurrency > 0))
    throw new RangeError(`warm: expected a whole number over 0 as its concurrency, got ${concurrency}`)
  const requests = targets.map((target) => requestFor(target, options))
  const warmed: Warmed[] = requests.map(({ href }) => ({ url: href, outcome: 'left' }))
  const ends = signal === undefined ? [] : [signal]
  const waiting = requests.entries()
  const work = async (): Promise<void> => {
    for (const [index, { href, ...request }] of waiting) {
      if (house.stopping.aborted || signal?.aborted) return
      const { outcome, why } = await bringAhead(inject, request, house, clock, ends)
      warmed[index] = { url: href, outcome, ...(why !== undefined && { why }) }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, requests.length) }, work))
  return warmed
}

const requestFor = (target: WarmTarget, { origin, headers }: WarmOptions) => {
  const { url: text, headers: own } = typeof target === 'string' ? { url: target } : target
  const url = URL.parse(text, origin)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(
      `warm: expected a URL such as "https://shop.example/cities/5", or a path and an origin, got ${JSON.stringify(text)}`,
    )
  return {
    href: url.href,
    url: url.pathname + url.search,
    scheme: url.protocol.slice(0, -1),
    headers: { host: url.host, ...headers, ...own },
  }
}
