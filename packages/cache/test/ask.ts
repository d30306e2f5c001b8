import { type Exchange, millrace, type Reply, type RequestHeaders, reply } from '@millrace/core'
import { type FakeExchange, fakeExchange, VirtualClock } from '@millrace/testing'
import { type CacheOptions, type CacheRule, cache } from '../src/index.ts'

export interface Question {
  readonly method?: string
  readonly url?: string
  readonly headers?: RequestHeaders
  readonly scheme?: string
  readonly body?: Uint8Array
  readonly native?: object
  readonly synthetic?: object
  readonly preset?: Readonly<Record<string, string>>
  readonly handler?: (exchange: Exchange) => Reply | Promise<Reply>
}

export interface Answer {
  readonly status: number
  readonly body: string
  field(name: string): string | undefined
  /** What `Cache-Status` says this cache did. */
  readonly how: string | undefined
  /** Whether the handler ran for this request. */
  readonly ran: boolean
}

export interface Asked {
  readonly exchange: FakeExchange
  /** Read to its end, as a client does. */
  readonly answer: Promise<Answer>
}

/** A cache on every path, the time that it goes by, and a way to ask it. */
export const scene = (
  rule: CacheRule | string | number | true = '1m',
  options: CacheOptions = {},
  pattern = '/**',
) => {
  const clock = new VirtualClock()
  const plugin = cache(options)
  const mill = millrace({ plugins: [plugin], routes: { [pattern]: { cache: rule } }, clock })
  const begin = ({ method = 'GET', url = '/', ...request }: Question = {}): Asked => {
    const { pathname } = new URL(url, 'http://fake')
    const params = mill.explain(method, pathname).params
    const exchange: FakeExchange = fakeExchange({
      method,
      url,
      params,
      ...request,
      // What the cache asks for by itself goes through it again, as through an app.
      app: ({ cause, method: own = 'GET', url: target, headers = {} }) =>
        mill.match(own, target).run(
          fakeExchange({
            method: own,
            url: target,
            headers,
            params,
            synthetic: cause,
            ...(request.handler && { handler: request.handler }),
          }),
        ),
    })
    return { exchange, answer: answerOf(exchange, mill.match(method, url).run(exchange)) }
  }
  return {
    clock,
    mill,
    begin,
    ask: (question?: Question): Promise<Answer> => begin(question).answer,
    counts: () => plugin.inspect?.(),
    purge: plugin.controls.purge,
  }
}

const answerOf = async (exchange: FakeExchange, running: Promise<Reply>): Promise<Answer> => {
  const { status, headers, body } = await running
  const text = body === null ? '' : await textOf(body)
  exchange.finish()
  return {
    status,
    body: text,
    field: (name) => headers.get(name),
    how: headers.get('cache-status'),
    ran: exchange.runs > 0,
  }
}

const textOf = async (body: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> => {
  if (body instanceof Uint8Array) return new TextDecoder().decode(body)
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** A handler that counts its runs and says which one it is. */
export const counting = (
  make: (text: string) => Reply = (text) => reply(200, { 'Content-Type': 'text/plain' }, text),
): { readonly handler: () => Reply; readonly runs: () => number } => {
  let runs = 0
  return { handler: () => make(`run ${++runs}`), runs: () => runs }
}

/** A reply whose body comes in parts. */
export async function* streamed(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}
