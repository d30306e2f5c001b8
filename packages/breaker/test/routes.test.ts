import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientGoneError, millrace, type Reply, reply } from '@millrace/core'
import { type FakeRequest, fakeExchange, settled, VirtualClock } from '@millrace/testing'
import { withDeadline } from '../src/deadline.ts'
import {
  type BreakerRule,
  breaker,
  deadlineHeaders,
  rejected,
  remainingTime,
  TimeoutError,
  timedOut,
} from '../src/index.ts'

const scene = (rule: BreakerRule | true | string) => {
  const clock = new VirtualClock()
  const mill = millrace({
    plugins: [breaker({ random: () => 0 })],
    clock,
    routes: { '/cities/:id': { breaker: rule } },
  })
  const ask = (request: FakeRequest = {}) => {
    const exchange = fakeExchange({ url: '/cities/5', ...request })
    const answer = mill.match('GET', '/cities/5').run(exchange)
    answer.catch(() => undefined)
    return { exchange, answer }
  }
  const window = () => mill.breaker.states()[0]?.window
  return { clock, mill, ask, window }
}

const text = ({ body }: Reply): unknown =>
  body instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(body)) : undefined

const hang = (): Promise<Reply> => new Promise(() => {})
const fail = (): Reply => reply(500, {}, 'no')

describe('a route', () => {
  it('is answered with a problem and Retry-After while its circuit is open', async (t) => {
    const { ask, clock } = scene({ trip: { minimum: 2 }, reset: '90s' })
    const refused: (string | undefined)[] = []
    t.after(rejected.subscribe(({ at, exchange }) => refused.push(`${at} ${exchange?.path}`)))
    for (let i = 0; i < 2; i++) assert.equal((await ask({ handler: fail }).answer).status, 500)
    await clock.advance(500)
    const { exchange, answer } = ask()
    const open = await answer
    assert.equal(open.status, 503)
    assert.equal(open.headers.get('retry-after'), '90')
    assert.equal(open.headers.get('content-type'), 'application/problem+json')
    assert.deepEqual(text(open), { title: 'Service Unavailable', status: 503 })
    assert.equal(exchange.runs, 0)
    assert.deepEqual(refused, ['/cities/:id /cities/5'])
  })

  it('is told nothing of when to come back where nobody can tell', async () => {
    const { ask } = scene({ trip: { minimum: 1 }, reset: { after: Number.POSITIVE_INFINITY } })
    await ask({ handler: fail }).answer
    const open = await ask().answer
    assert.equal(open.status, 503)
    assert.equal(open.headers.get('retry-after'), undefined)
  })

  it('never tells a client to come back at once', async () => {
    const { ask, clock } = scene({ trip: { minimum: 1 }, reset: '1s' })
    await ask({ handler: fail }).answer
    await clock.advance(999)
    assert.equal((await ask().answer).headers.get('retry-after'), '1')
  })

  it('is answered at the deadline, and its late reply is nobody’s', async (t) => {
    const { ask, clock, window } = scene('2s')
    const late: string[] = []
    t.after(
      timedOut.subscribe(({ scope, limit, exchange }) => late.push(`${scope} ${limit} ${exchange?.path}`)),
    )
    const { promise, resolve } = Promise.withResolvers<Reply>()
    const { answer } = ask({ handler: () => promise })
    await clock.advance(2000)
    assert.equal((await answer).status, 504)
    assert.deepEqual(text(await answer), { title: 'Gateway Timeout', status: 504 })
    assert.equal((await answer).headers.get('retry-after'), undefined)
    resolve(reply(200))
    await settled()
    assert.deepEqual(window(), { total: 1, failures: 1, slow: 0 })
    assert.deepEqual(late, ['total 2000 /cities/5'])
    assert.equal(clock.pending, 0)
  })

  it('says by the rule how it is rejected', async () => {
    const { ask, clock } = scene({
      timeout: '1s',
      reject: (error, exchange) => reply(error instanceof TimeoutError ? 503 : 500, {}, exchange.path),
    })
    const { answer } = ask({ handler: hang })
    await clock.advance(1000)
    assert.equal((await answer).status, 503)
  })

  it('passes on the errors of its handler, those of a breaker further in among them', async () => {
    const { ask, window } = scene(true)
    const other = new TimeoutError('db.read', 100)
    await assert.rejects(
      ask({
        handler: () => {
          throw other
        },
      }).answer,
      other,
    )
    assert.deepEqual(window(), { total: 1, failures: 1, slow: 0 })
  })

  for (const [what, handler, counts] of [
    ['404', () => reply(404), { total: 1, failures: 0, slow: 0 }],
    ['429', () => reply(429), { total: 1, failures: 0, slow: 0 }],
    ['500', () => reply(500), { total: 1, failures: 1, slow: 0 }],
    ['503', () => reply(503), { total: 1, failures: 1, slow: 0 }],
    [
      'a client that is gone',
      () => {
        throw new ClientGoneError()
      },
      undefined,
    ],
  ] as const)
    it(`counts ${what} as it should`, async () => {
      const { ask, window } = scene(true)
      await ask({ handler }).answer.catch(() => undefined)
      assert.deepEqual(window() ?? undefined, counts ?? { total: 0, failures: 0, slow: 0 })
    })

  it('is judged by its head until its body breaks off', async () => {
    const { ask, window } = scene(true)
    async function* body(): AsyncGenerator<Uint8Array> {}
    const handler = (): Reply => reply(200, {}, body())
    for (const [end, failures] of [
      ['finish', 0],
      ['leave', 0],
      ['breakOff', 1],
    ] as const) {
      const { exchange, answer } = ask({ handler })
      await answer
      exchange[end]()
      await settled()
      assert.equal(window()?.failures, failures, end)
    }
    assert.equal(window()?.total, 3)
  })

  for (const trip of [{ consecutive: 3 }, { minimum: 3, ratio: 0.9 }, { minimum: 3, window: { calls: 5 } }])
    it(`opens where all bodies break off, by ${JSON.stringify(trip)}`, async () => {
      const { ask } = scene({ trip })
      async function* body(): AsyncGenerator<Uint8Array> {}
      for (let i = 0; i < 3; i++) {
        const { exchange, answer } = ask({ handler: () => reply(200, {}, body()) })
        assert.equal((await answer).status, 200)
        exchange.breakOff()
        await settled()
      }
      assert.equal((await ask().answer).status, 503)
    })

  it('is explained', () => {
    const { mill } = scene({ timeout: '2s', trip: { ratio: 0.5, consecutive: 3 } })
    assert.deepEqual(mill.explain('GET', '/cities/1').layers[0]?.says, [
      'a circuit that opens at 50 % failures of 20 or more within 10000 ms, or after 3 failures in a row',
      'waits 2000 ms at most',
    ])
  })

  it('has a circuit for each key', async () => {
    const { ask, mill } = scene({ trip: { minimum: 1 }, key: ({ headers }) => String(headers['x-tenant']) })
    await ask({ handler: fail, headers: { 'x-tenant': 'a' } }).answer
    assert.equal((await ask({ headers: { 'x-tenant': 'a' } }).answer).status, 503)
    assert.equal((await ask({ headers: { 'x-tenant': 'b' } }).answer).status, 200)
    mill.breaker.reset('/cities/:id', 'a')
    assert.equal((await ask({ headers: { 'x-tenant': 'a' } }).answer).status, 200)
  })

  it('holds its place in a bulkhead until the last byte is out', async () => {
    const { ask } = scene({ bulkhead: 1 })
    const first = ask()
    assert.equal((await first.answer).status, 200)
    const second = await ask().answer
    assert.equal(second.status, 503)
    assert.equal(second.headers.get('retry-after'), '1')
    first.exchange.finish()
    await settled()
    assert.equal((await ask().answer).status, 200)
  })

  it('with a bulkhead has one deadline for waiting and working, and tells it once', async (t) => {
    const { ask, clock, window } = scene({
      bulkhead: { concurrency: 1, queue: 1, wait: '1m' },
      timeout: '2s',
    })
    const late: string[] = []
    t.after(timedOut.subscribe(({ scope, limit }) => late.push(`${scope} ${limit}`)))
    const first = ask({ handler: () => clock.advance(500).then(() => reply(200)) })
    const second = ask({ handler: hang })
    await first.answer
    first.exchange.finish()
    await clock.advance(1500)
    assert.equal((await second.answer).status, 504)
    assert.equal(second.exchange.runs, 1)
    assert.deepEqual(window(), { total: 2, failures: 1, slow: 0 })
    second.exchange.finish()
    await clock.advance(10_000)
    assert.deepEqual(late, ['total 2000'])
    assert.equal(clock.pending, 0)
  })

  it('with a fallback tells the handler to stop at the deadline', async () => {
    const { ask, clock } = scene({ timeout: '1s', fallback: { status: 200, body: 'instead' } })
    let signal: AbortSignal | undefined
    const { answer } = ask({
      handler: (exchange) => {
        signal = exchange.signal
        return hang()
      },
    })
    await clock.advance(1000)
    assert.equal((await answer).status, 200)
    assert.ok(signal?.aborted)
  })

  it('cannot be retried, and says so', () => {
    for (const option of ['retry', 'hedge'])
      assert.throws(
        () =>
          Reflect.apply(millrace, undefined, [
            { plugins: [breaker()], routes: { '/x': { breaker: { [option]: 2 } } } },
          ]),
        {
          name: 'ConfigError',
          message: `routes["/x"].breaker.${option}: expected nothing: the handler of a route can run once for a request. Put it around a call (mill.wrap), or around an injected request, got 2`,
        },
      )
  })
})

describe('a deadline that the client says', () => {
  const field = 'x-envoy-expected-rq-timeout-ms'

  for (const [said, limit] of [
    ['500', 500],
    ['5000', 2000],
    ['-1', 2000],
    ['1e2', 2000],
    ['soon', 2000],
    ['', 2000],
    ['99999999999999999999', 2000],
  ] as const)
    it(`"${said}" makes ${limit}`, async () => {
      const { ask, clock } = scene({ timeout: { total: '2s', header: true } })
      const { answer, exchange } = ask({ handler: hang, headers: { [field]: said } })
      let status: number | undefined
      void answer.then((answer) => {
        status = answer.status
      })
      await clock.advance(limit - 1)
      assert.equal(status, undefined)
      await clock.advance(1)
      assert.equal(status, 504)
      assert.equal(exchange.runs, 1)
    })

  it('of nothing is over before the handler runs', async () => {
    const { ask } = scene({ timeout: { total: '2s', header: true } })
    const { answer, exchange } = ask({ headers: { [field]: '0' } })
    assert.equal((await answer).status, 504)
    assert.equal(exchange.runs, 0)
  })

  it('says nothing about the handler: a client cannot open a circuit by it', async () => {
    const { ask, clock, window } = scene({ timeout: { total: '2s', header: true }, trip: { minimum: 1 } })
    const { answer } = ask({ handler: hang, headers: { [field]: '10' } })
    await clock.advance(10)
    assert.equal((await answer).status, 504)
    assert.deepEqual(window(), { total: 0, failures: 0, slow: 0 })
    assert.equal((await ask().answer).status, 200)
  })

  it('is not read where the rule does not ask for it', async () => {
    const { ask, clock } = scene('2s')
    const { answer } = ask({
      handler: async () => {
        assert.equal(remainingTime(), undefined)
        assert.deepEqual(deadlineHeaders(), {})
        return hang()
      },
      headers: { [field]: '10' },
    })
    await clock.advance(1999)
    assert.equal(await Promise.race([answer, 'waits']), 'waits')
  })

  it('is seen by the handler, by what it waits for, and by the calls that it makes', async () => {
    const clock = new VirtualClock()
    const mill = millrace({
      plugins: [breaker()],
      clock,
      routes: { '/**': { breaker: { timeout: { total: '2s', header: 'X-Deadline' } } } },
    })
    const read = mill.wrap('db.read', () => hang(), { breaker: { timeout: '1h', trip: { minimum: 1 } } })
    const seen: unknown[] = []
    const answer = mill.match('GET', '/').run(
      fakeExchange({
        headers: { 'x-deadline': '1500' },
        handler: async () => {
          seen.push(remainingTime(), deadlineHeaders())
          await clock.advance(500.5)
          seen.push(remainingTime(), deadlineHeaders())
          return read()
        },
      }),
    )
    await settled()
    await clock.advance(2000)
    assert.equal((await answer).status, 504)
    assert.deepEqual(seen, [1500, { 'x-deadline': '1500' }, 999.5, { 'x-deadline': '999' }])
    const circuits = mill.breaker.states()
    assert.deepEqual(
      circuits.map(({ name, state }) => `${name} ${state}`),
      ['/** closed', 'db.read closed'],
    )
    assert.equal(remainingTime(), undefined)
  })

  it('further out holds where it is the earlier one', () => {
    const clock = new VirtualClock()
    withDeadline(clock, 100, 'outer', () => {
      withDeadline(clock, 500, 'inner', () => assert.deepEqual(deadlineHeaders(), { inner: '100' }))
      withDeadline(clock, 50, 'inner', () => assert.equal(remainingTime(), 50))
      assert.equal(remainingTime(), 100)
    })
  })
})
