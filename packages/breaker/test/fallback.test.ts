import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Call, DeadlineError, type Exchange, type Reply, ready, reply } from '@millrace/core'
import { type FakeRequest, fakeExchange, VirtualClock } from '@millrace/testing'
import { calls } from '../src/calls.ts'
import { BreakerOpenError } from '../src/errors.ts'
import { type FellBack, fellBack } from '../src/events.ts'
import { FailedAnswerError, fallingBack } from '../src/fallback.ts'
import {
  type CallFallback,
  callFallbackSchema,
  type RouteFallback,
  routeFallbackSchema,
} from '../src/fallback-rule.ts'
import { Limit } from '../src/limit.ts'
import { routes } from '../src/routes.ts'
import type { Strategy } from '../src/strategy.ts'

const clock = new VirtualClock()

const onRoute = (rule: RouteFallback): Strategy<Exchange> =>
  fallingBack(routeFallbackSchema.parse(rule), { at: '/x', kind: routes, clock })

const onCall = (rule: CallFallback): Strategy<Call> =>
  fallingBack(callFallbackSchema.parse(rule), { at: 'x', kind: calls, clock })

const call = (...args: readonly unknown[]): Call => ({
  name: 'x',
  args,
  signal: new AbortController().signal,
})

const open = new BreakerOpenError('x', 1000)
const rejecting = async (): Promise<never> => {
  throw open
}

/** What a promise came to. */
const ended = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

const textOf = async ({ body }: Reply): Promise<string> => {
  if (body === null) return ''
  if (body instanceof Uint8Array) return new TextDecoder().decode(body)
  let text = ''
  for await (const bytes of body) text += new TextDecoder().decode(bytes)
  return text
}

const watch = (): { readonly events: FellBack[]; [Symbol.dispose](): void } => {
  const events: FellBack[] = []
  const end = fellBack.subscribe((event) => events.push(event))
  return { events, [Symbol.dispose]: end }
}

describe('a fallback of a route', () => {
  it('leaves alone what is no failure, and passes it on without a wait where it is ready', async () => {
    const run = onRoute({ status: 200, body: 'instead' })
    const answers = [reply(200), reply(404), reply(304)]
    for (const answer of answers) {
      assert.equal(await run(fakeExchange(), async () => answer), answer)
      const made = ready(answer)
      assert.equal(
        run(fakeExchange(), () => made),
        made,
      )
    }
  })

  const forms: readonly (readonly [RouteFallback, number, Readonly<Record<string, string>>, string])[] = [
    [{ status: 503 }, 503, {}, ''],
    [{ status: 200, body: 'closed' }, 200, { 'content-type': 'text/plain; charset=utf-8' }, 'closed'],
    [{ status: 200, body: [] }, 200, { 'content-type': 'application/json' }, '[]'],
    [{ status: 200, body: null }, 200, { 'content-type': 'application/json' }, 'null'],
    [
      {
        status: 200,
        body: '<p>closed',
        headers: { 'Content-Type': 'text/html', 'Cache-Control': 'max-age=5' },
      },
      200,
      { 'content-type': 'text/html', 'cache-control': 'max-age=5' },
      '<p>closed',
    ],
    [() => reply(202, { 'x-from': 'function' }, 'later'), 202, { 'x-from': 'function' }, 'later'],
    [{ run: async () => reply(202) }, 202, {}, ''],
  ]
  for (const [rule, status, headers, body] of forms) {
    it(`answers ${JSON.stringify(rule) ?? 'what a function says'}, again and again, to be kept by no cache`, async () => {
      const run = onRoute(rule)
      for (let i = 0; i < 2; i++) {
        const answer = await run<Reply>(fakeExchange(), rejecting)
        assert.equal(answer.status, status)
        assert.equal(await textOf(answer), body)
        for (const [name, value] of Object.entries({ 'cache-control': 'no-store', ...headers }))
          assert.equal(answer.headers.get(name), value)
        assert.equal(answer.headers.has('x-mine'), false)
        // Who is further out may change it.
        answer.headers.set('X-Mine', 'yes')
      }
    })
  }

  it('stands in for answers that are failures, and lets them pass where the rule says so', async () => {
    const failure = reply(502, {}, 'bad')
    const run = onRoute({ status: 200 })
    assert.equal((await run(fakeExchange(), async () => failure)).status, 200)
    assert.equal((await run(fakeExchange(), () => ready(failure))).status, 200)
    const errorsOnly = onRoute({ status: 200, on: 'error' })
    assert.equal(await errorsOnly(fakeExchange(), async () => failure), failure)
    assert.equal((await errorsOnly<Reply>(fakeExchange(), rejecting)).status, 200)
  })

  it('is told what went wrong', async () => {
    const told: unknown[] = []
    const run = onRoute((exchange, error) => {
      told.push([exchange.path, error])
      return reply(200)
    })
    const failure = reply(502)
    await run<Reply>(fakeExchange({ url: '/a?b' }), rejecting)
    await run(fakeExchange({ url: '/b' }), async () => failure)
    const [first, second] = told
    assert.deepEqual(first, ['/a', open])
    assert(Array.isArray(second) && second[1] instanceof FailedAnswerError)
    assert.equal(second[1].answer, failure)
    assert.equal(second[1].message, '/x answered 502')
  })

  const broken = new Error('the fallback is broken')
  const failing: readonly RouteFallback[] = [
    () => {
      throw broken
    },
    async () => {
      throw broken
    },
  ]
  for (const rule of failing) {
    it('that fails leaves the first failure, which says why', async () => {
      using watched = watch()
      const run = onRoute(rule)
      const error = new BreakerOpenError('x', 1)
      const failure = reply(500)
      const exchange = fakeExchange()
      assert.equal(await ended(run(exchange, () => Promise.reject(error))), error)
      assert.equal(error.cause, broken)
      assert.equal(await run(exchange, async () => failure), failure)
      assert.deepEqual(
        watched.events.map(({ at, exchange, outcome }) => [at, exchange, outcome]),
        Array(2).fill(['/x', exchange, 'failed']),
      )
    })
  }

  it('has a cause of an error that has one stay', async () => {
    const cause = new Error('the real one')
    const error = new Error('broken', { cause })
    await ended(onRoute(failing[0] ?? { status: 200 })(fakeExchange(), () => Promise.reject(error)))
    assert.equal(error.cause, cause)
    const frozen = Object.freeze(new Error('frozen'))
    assert.equal(
      await ended(onRoute(failing[0] ?? { status: 200 })(fakeExchange(), () => Promise.reject(frozen))),
      frozen,
    )
  })

  it('that hangs is given up', async () => {
    const run = onRoute({ run: () => new Promise(() => undefined), timeout: '3s' })
    const error = new Error('broken')
    const result = ended(run(fakeExchange(), () => Promise.reject(error)))
    await clock.advance(3000)
    assert.equal(await result, error)
    assert(error.cause instanceof DeadlineError)
  })

  it('is not for a client who is gone', async () => {
    let runs = 0
    const run = onRoute(() => {
      runs++
      return reply(200)
    })
    const exchange = fakeExchange()
    exchange.leave()
    const error = new Error('gone')
    assert.equal(await ended(run(exchange, () => Promise.reject(error))), error)
    assert.equal(runs, 0)
  })

  const app: NonNullable<FakeRequest['app']> = ({ url }) =>
    url.startsWith('/broken') ? reply(500) : reply(200, { connection: 'keep-alive' }, `from ${url}`)

  it('is what another route answers to the same client', async () => {
    const run = onRoute({ route: '/lite' })
    const exchange = fakeExchange({
      method: 'POST',
      url: '/full?a=1',
      headers: {
        cookie: 'a=b',
        authorization: 'secret',
        'content-length': '3',
        'content-type': 'text/plain',
        'if-none-match': '"1"',
        range: 'bytes=0-1',
        connection: 'close',
        ':authority': 'a.example',
      },
      app,
    })
    const answer = await run<Reply>(exchange, rejecting)
    assert.equal(await textOf(answer), 'from /lite?a=1')
    assert.equal(answer.headers.get('connection'), undefined)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const [asked] = exchange.injected
    assert.equal(asked?.method, 'GET')
    assert.deepEqual(asked?.headers, { host: 'a.example', cookie: 'a=b', authorization: 'secret' })
  })

  it('is another route with its own query, and asked with HEAD for a HEAD', async () => {
    const exchange = fakeExchange({ method: 'HEAD', url: '/full?a=1', app })
    await onRoute({ route: '/lite?b=2' })<Reply>(exchange, rejecting)
    assert.deepEqual(
      exchange.injected.map(({ method, url }) => [method, url]),
      [['HEAD', '/lite?b=2']],
    )
  })

  it('is no other route that fails as well, nor one asked by a request that stands in itself', async () => {
    const rule: RouteFallback = { route: '/broken' }
    assert.equal(await ended(onRoute(rule)(fakeExchange({ app }), rejecting)), open)
    const synthetic = fakeExchange({ app, synthetic: {} })
    assert.equal(await ended(onRoute({ route: '/lite' })(synthetic, rejecting)), open)
    assert.equal(synthetic.injected.length, 0)
  })

  const mistakes: readonly (readonly [unknown, string, string])[] = [
    [true, '', 'expected a function, { status, body }, { route } or { run }'],
    [{}, '', 'expected one of run, route and status'],
    [{ status: 200, route: '/a' }, '', 'expected one of run, route and status'],
    [{ route: 'lite' }, 'route', 'expected a path such as "/other"'],
    [{ route: '/a', body: 1 }, '', 'expected headers and body beside status only'],
    [{ status: 200, body: () => 1 }, 'body', 'expected text, or what makes JSON'],
    [
      { status: 200, headers: { 'Cache Control': 'no-store' } },
      'headers.Cache Control',
      'expected a field name',
    ],
    [{ status: 200, headers: { Allow: 'GET\n' } }, 'headers.Allow', 'expected what may stand in a field'],
    [{ status: 200, boby: 1 }, '', 'Unrecognized key: "boby"'],
  ]
  it('may have no body that makes no JSON', () => {
    for (const body of [1n, { of: [1n] }]) {
      const issue = routeFallbackSchema.safeParse({ status: 200, body }).error?.issues[0]
      assert.deepEqual([issue?.path, issue?.message], [['body'], 'expected text, or what makes JSON'])
    }
  })

  for (const [rule, path, message] of mistakes) {
    it(`may not be ${JSON.stringify(rule)}`, () => {
      const issue = routeFallbackSchema.safeParse(rule).error?.issues[0]
      assert.deepEqual([issue?.path.join('.'), issue?.message], [path, message])
    })
  }
})

describe('a fallback of a call', () => {
  it('is a value, undefined included, or what a function makes of the error and the arguments', async () => {
    assert.equal(await onCall({ value: 7 })(call(), rejecting), 7)
    assert.equal(await onCall({ value: undefined })(call(), rejecting), undefined)
    const seen = onCall((error, ...args) => [error, args])
    assert.deepEqual(await seen(call(1, 2), rejecting), [open, [1, 2]])
    assert.equal(await onCall({ run: async () => 'later' })(call(), rejecting), 'later')
  })

  it('stands in for a result that is an answer and a failure', async () => {
    const bad = { status: 503, headers: {} }
    assert.equal(await onCall({ value: 7 })<unknown>(call(), async () => bad), 7)
    assert.equal(await onCall({ value: 7, on: 'error' })<unknown>(call(), async () => bad), bad)
    assert.equal(await onCall({ value: 7 })<unknown>(call(), async () => 'fine'), 'fine')
  })

  it('is not for a caller who is gone', async () => {
    const limit = new Limit()
    const own = calls.limited(call(), limit)
    const gone = new Error('gone')
    const aborted = async (): Promise<never> => {
      limit.abort(gone)
      throw gone
    }
    assert.equal(await ended(onCall({ value: 7 })(own, aborted)), gone)
  })

  it('leaves no timer behind', async () => {
    const own = new VirtualClock()
    const run = fallingBack(callFallbackSchema.parse({ value: 7 }), { at: 'x', kind: calls, clock: own })
    await run(call(), rejecting)
    assert.equal(own.pending, 0)
  })

  it('is one of both', () => {
    for (const rule of [{}, { value: 1, run: () => 1 }, 7])
      assert.equal(callFallbackSchema.safeParse(rule).success, false)
  })
})
