import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  ClientGoneError,
  ConfigError,
  channel,
  derive,
  type Exchange,
  type Millrace,
  millrace,
  type Plugin,
  remarks,
  reply,
} from '@millrace/core'
import {
  FakeExchange,
  fakeExchange,
  layerPlugin,
  scriptedHandler,
  settled,
  VirtualClock,
} from '@millrace/testing'
import {
  type CallTimed,
  callTimed,
  type Ended,
  type ExchangeTimed,
  type Expose,
  exchangeTimed,
  type TimingRule,
  timing,
} from '../src/index.ts'

type Timing = ReturnType<typeof timing>

const millWith = (rule: boolean | TimingRule, clock = new VirtualClock()): Millrace<readonly [Timing]> =>
  millrace({
    clock,
    plugins: [timing()],
    routes: { '/**': { timing: rule } },
    calls: { '**': { timing: true } },
  })

/** What one run of the layers publishes. */
const listen = (t: TestContext): { exchanges: ExchangeTimed[]; calls: CallTimed[] } => {
  const heard: { exchanges: ExchangeTimed[]; calls: CallTimed[] } = { exchanges: [], calls: [] }
  t.after(exchangeTimed.subscribe((event) => heard.exchanges.push(event)))
  t.after(callTimed.subscribe((event) => heard.calls.push(event)))
  return heard
}

/** As on Express, whose router knows the route only when it has found it. */
class RoutedLater extends FakeExchange {
  override route: string = '/**'
}

describe('the Server-Timing field', () => {
  const fieldFor = async (rule: boolean | TimingRule, handlerSays = {}): Promise<readonly string[]> => {
    const clock = new VirtualClock()
    const exchange = fakeExchange({
      handler: async () => {
        await clock.advance(12.345)
        return reply(200, handlerSays)
      },
    })
    const answer = await millWith(rule, clock).match('GET', '/').run(exchange)
    exchange.finish()
    return answer.headers.getAll('server-timing')
  }

  it('tells the time to the head', async () => {
    assert.deepEqual(await fieldFor(true), ['total;dur=12.3, handler;dur=12.3'])
    assert.deepEqual(await fieldFor({}), ['total;dur=12.3, handler;dur=12.3'])
  })

  it('can have another name', async () => {
    assert.deepEqual(await fieldFor({ metric: 'app' }), ['app;dur=12.3, handler;dur=12.3'])
  })

  it('stands beside those of the handler', async () => {
    assert.deepEqual(await fieldFor(true, { 'Server-Timing': 'db;dur=3' }), [
      'db;dur=3',
      'total;dur=12.3, handler;dur=12.3',
    ])
  })

  const exposures: readonly (readonly [expose: Expose, headers: Record<string, string>, shown: boolean])[] = [
    ['everybody', {}, true],
    ['nobody', {}, false],
    [{ header: 'X-Why', value: 'secret' }, {}, false],
    [{ header: 'X-Why', value: 'secret' }, { 'x-why': 'secreT' }, false],
    [{ header: 'X-Why', value: 'secret' }, { 'x-why': 'secret' }, true],
    [({ headers }) => headers['dnt'] === '1', { dnt: '1' }, true],
    [({ headers }) => headers['dnt'] === '1', {}, false],
  ]
  for (const [expose, headers, isShown] of exposures) {
    it(`is ${isShown ? '' : 'not '}for ${JSON.stringify(headers)} by ${JSON.stringify(expose) ?? 'a function'}`, async () => {
      const exchange = fakeExchange({ headers })
      const rule = { expose, responseTime: true, allowOrigin: 'https://a.example' }
      const { headers: told } = await millWith(rule).match('GET', '/').run(exchange)
      exchange.finish()
      assert.deepEqual(
        ['server-timing', 'x-response-time', 'timing-allow-origin'].map((name) => told.has(name)),
        [isShown, isShown, isShown],
      )
    })
  }

  it('tells what plugins say of the exchange, and of no other, in words that split no field', async () => {
    const said = channel<{ readonly exchange: Exchange; readonly outcome: string }>('millrace:test:said')
    const teller: Plugin<'teller', object> = {
      ...layerPlugin('teller', async (exchange, next) => {
        const other = fakeExchange()
        const answer = await next(derive(exchange, { headers: {} }))
        said.publish({ exchange: other, outcome: 'of another' })
        said.publish({ exchange, outcome: 'ok, x;dur=1\r\nSet-Cookie: a' })
        return answer
      }),
      telemetry: {
        remarks: [
          remarks(said, ({ exchange, outcome }) => ({ name: 'teller', exchange, outcome, duration: 3 })),
        ],
      },
    }
    const mill = millrace({
      clock: new VirtualClock(),
      plugins: [timing(), teller],
      routes: { '/**': { timing: true, teller: true } },
    })
    const exchange = fakeExchange()
    const { headers } = await mill.match('GET', '/').run(exchange)
    exchange.finish()
    assert.deepEqual(headers.getAll('server-timing'), [
      'total;dur=0.0, handler;dur=0.0, teller;desc=ok__x_dur_1__Set-Cookie__a;dur=3.0',
    ])
  })

  it('stays short', async () => {
    const said = channel<Exchange>('millrace:test:again')
    const teller: Plugin<'teller', object> = {
      ...layerPlugin('teller', (exchange, next) => {
        for (let i = 0; i < 1000; i++) said.publish(exchange)
        return next(exchange)
      }),
      telemetry: { remarks: [remarks(said, (exchange) => ({ name: 'x'.repeat(1000), exchange }))] },
    }
    const mill = millrace({ plugins: [timing(), teller], routes: { '/**': { timing: true, teller: true } } })
    const { headers } = await mill.match('GET', '/').run(fakeExchange())
    assert.ok(String(headers.get('server-timing')).length < 1000)
  })

  it('can be left out', async (t) => {
    const { exchanges } = listen(t)
    assert.deepEqual(await fieldFor({ expose: 'nobody' }), [])
    await settled()
    assert.equal(exchanges.length, 1)
  })

  it('and all the rest is not there when it is off', async (t) => {
    const { exchanges } = listen(t)
    assert.deepEqual(await fieldFor(false), [])
    await settled()
    assert.deepEqual(exchanges, [])
  })
})

describe('the event of an exchange', () => {
  it('tells what the exchange was, to the head and to the end', async (t) => {
    const { exchanges } = listen(t)
    const clock = new VirtualClock()
    const exchange = fakeExchange({
      method: 'POST',
      url: '/cities/5?page=2',
      route: '/cities/:id',
      handler: async () => {
        await clock.advance(30)
        return reply(201, {}, 'created')
      },
    })
    await millWith(true, clock).match('POST', exchange.url).run(exchange)
    await clock.advance(70)
    assert.deepEqual(exchanges, [])
    exchange.finish(7)
    await settled()
    assert.deepEqual(exchanges, [
      {
        exchange,
        method: 'POST',
        route: '/cities/:id',
        status: 201,
        outcome: 'ok',
        head: 30,
        total: 100,
        bytes: 7,
        requestBytes: 0,
        buckets: undefined,
      },
    ])
  })

  it('tells the route that the host found below', async (t) => {
    const { exchanges } = listen(t)
    const exchange = new RoutedLater({
      handler: () => {
        exchange.route = '/cities/:id'
        return reply(200)
      },
    })
    await millWith(true).match('GET', '/').run(exchange)
    exchange.finish()
    await settled()
    assert.equal(exchanges[0]?.route, '/cities/:id')
  })

  const outcomes: readonly (readonly [status: number, outcome: Ended])[] = [
    [200, 'ok'],
    [304, 'ok'],
    [404, 'ok'],
    [429, 'rejected'],
    [499, 'ok'],
    [500, 'error'],
    [503, 'rejected'],
    [504, 'timeout'],
  ]
  for (const [status, outcome] of outcomes) {
    it(`takes ${status} as ${outcome}`, async (t) => {
      const { exchanges } = listen(t)
      const exchange = fakeExchange({ handler: () => reply(status) })
      await millWith(true).match('GET', '/').run(exchange)
      exchange.finish()
      await settled()
      assert.deepEqual([exchanges[0]?.status, exchanges[0]?.outcome], [status, outcome])
    })
  }

  it('is not there for a request that nobody has sent', async (t) => {
    const { exchanges } = listen(t)
    const exchange = fakeExchange({ synthetic: {} })
    await millWith(true).match('GET', '/').run(exchange)
    exchange.finish()
    await settled()
    assert.deepEqual(exchanges, [])
  })

  it('is an error where the answer could not be sent as it was', async (t) => {
    const { exchanges } = listen(t)
    const exchange = fakeExchange()
    await millWith(true).match('GET', '/').run(exchange)
    exchange.finish(0, 500)
    await settled()
    assert.deepEqual([exchanges[0]?.status, exchanges[0]?.outcome], [500, 'error'])
  })

  const lengths: readonly (readonly [headers: Record<string, string>, bytes: number | undefined])[] = [
    [{}, 0],
    [{ 'content-length': '12' }, 12],
    [{ 'content-length': '-1' }, undefined],
    [{ 'content-length': '1e3' }, undefined],
    [{ 'transfer-encoding': 'chunked' }, undefined],
  ]
  for (const [headers, bytes] of lengths) {
    it(`has ${bytes} bytes of a request with ${JSON.stringify(headers)}`, async (t) => {
      const { exchanges } = listen(t)
      const exchange = fakeExchange({ headers })
      await millWith(true).match('GET', '/').run(exchange)
      exchange.finish()
      await settled()
      assert.equal(exchanges[0]?.requestBytes, bytes)
    })
  }

  it('has the status that the host answered with when a layer throws, and no head, and the error goes on', async (t) => {
    const { exchanges } = listen(t)
    const clock = new VirtualClock()
    const error = new Error('no database')
    const exchange = fakeExchange({
      handler: async () => {
        await clock.advance(5)
        throw error
      },
    })
    await assert.rejects(millWith(true, clock).match('GET', '/').run(exchange), error)
    await clock.advance(1)
    exchange.finish(21, 500)
    await settled()
    assert.deepEqual(exchanges, [
      {
        exchange,
        method: 'GET',
        route: '/',
        status: 500,
        outcome: 'error',
        head: undefined,
        total: 6,
        bytes: 21,
        requestBytes: 0,
        buckets: undefined,
      },
    ])
  })

  it('is no failure when the client leaves before the head', async (t) => {
    const { exchanges } = listen(t)
    const { handler, calls } = scriptedHandler<unknown, never>()
    const exchange = fakeExchange({ handler })
    const running = millWith(true).match('GET', '/').run(exchange)
    calls[0]?.reject(new ClientGoneError())
    await assert.rejects(running, ClientGoneError)
    exchange.leave()
    await settled()
    const [event] = exchanges
    assert.deepEqual([event?.status, event?.head, event?.outcome], [0, undefined, 'aborted'])
  })

  it('has the bytes that went out when the client leaves before the end', async (t) => {
    const { exchanges } = listen(t)
    const exchange = fakeExchange()
    await millWith(true).match('GET', '/').run(exchange)
    exchange.leave(1, 200)
    await settled()
    const [event] = exchanges
    assert.deepEqual([event?.status, event?.bytes, event?.outcome], [200, 1, 'aborted'])
  })

  it('is not even made when nobody listens', async () => {
    /** Whether anybody asked for what only the event needs. */
    const isAsked = async (): Promise<boolean> => {
      let asked = false
      const exchange = fakeExchange()
      Object.defineProperty(exchange, 'route', {
        get() {
          asked = true
          return '/'
        },
      })
      await millWith(true).match('GET', '/').run(exchange)
      exchange.finish()
      await settled()
      return asked
    }
    assert.equal(await isAsked(), false)
    const end = exchangeTimed.subscribe(() => undefined)
    assert.equal(await isAsked(), true)
    end()
    assert.equal(await isAsked(), false)
  })
})

describe('what an operator sees', () => {
  it('counts exchanges by how they went', async () => {
    const mill = millWith(true)
    const counts = (): unknown => mill.inspect().plugins['timing']
    const run = async (exchange = fakeExchange()): Promise<typeof exchange> => {
      await mill
        .match('GET', '/')
        .run(exchange)
        .catch(() => undefined)
      return exchange
    }
    const none = { ok: 0, error: 0, aborted: 0, timeout: 0, rejected: 0, calls: {} }
    assert.deepEqual(counts(), { inFlight: 0, finished: 0, ...none })
    const good = await run()
    const bad = await run(fakeExchange({ handler: () => reply(500) }))
    const gone = await run()
    const thrown = await run(fakeExchange({ handler: () => Promise.reject(new Error('no')) }))
    assert.deepEqual(counts(), { inFlight: 4, finished: 0, ...none })
    good.finish()
    bad.finish()
    gone.leave()
    thrown.finish(0, 500)
    await settled()
    assert.deepEqual(counts(), { inFlight: 0, finished: 4, ...none, ok: 1, error: 2, aborted: 1 })
  })
})

describe('the event of a call', () => {
  const call = { outcome: 'ok', errorType: '', label: '', used: undefined, buckets: undefined }

  it('tells how long it took, and hands its result on', async (t) => {
    const { calls, exchanges } = listen(t)
    const clock = new VirtualClock()
    const find = millWith(true, clock).wrap('city.find', async (id: string) => {
      await clock.advance(40)
      return `city ${id}`
    })
    assert.equal(await find('5'), 'city 5')
    assert.deepEqual(calls, [{ ...call, name: 'city.find', total: 40 }])
    assert.deepEqual(exchanges, [])
  })

  it('tells that it threw, and hands its error on', async (t) => {
    const { calls } = listen(t)
    const clock = new VirtualClock()
    const error = new Error('no database')
    const find = millWith(true, clock).wrap('city.find', async () => {
      await clock.advance(3)
      throw error
    })
    await assert.rejects(find(), error)
    assert.deepEqual(calls, [{ ...call, name: 'city.find', total: 3, outcome: 'error', errorType: 'Error' }])
  })

  it('is there for one that returns nothing', async (t) => {
    const { calls } = listen(t)
    await millWith(true).wrap('noop', () => undefined)()
    assert.deepEqual(calls, [{ ...call, name: 'noop', total: 0 }])
  })
})

describe('a mistake in a rule', () => {
  const mistakes: readonly (readonly [rule: unknown, problem: string])[] = [
    [{ responseTime: 'no' }, '.responseTime: expected boolean, got "no"'],
    [{ buckets: [1, 1] }, '.buckets: expected ascending numbers of seconds, got [1,1]'],
    [{ objective: { availability: 101 } }, '.objective.availability: expected number to be <100, got 101'],
    [{ metric: 'my app' }, '.metric: expected a token such as "total", got "my app"'],
    [{ metric: '' }, '.metric: expected a token such as "total", got ""'],
    [{ metric: 5 }, '.metric: expected string, got 5'],
    [
      { metrik: 'app' },
      '.metrik: unknown option; did you mean "metric"? (options: expose, metric, responseTime, allowOrigin, buckets, objective)',
    ],
    ['app', ': expected true, false or an object of options, got "app"'],
    [5, ': expected true, false or an object of options, got 5'],
  ]
  for (const [rule, problem] of mistakes) {
    it(`is told: ${JSON.stringify(rule)}`, () => {
      const table = JSON.parse(JSON.stringify({ routes: { '/**': { timing: rule } } }))
      assert.throws(
        () => millWith(true).configure(table),
        (error) => {
          assert.ok(error instanceof ConfigError)
          assert.deepEqual(error.problems, [`routes["/**"].timing${problem}`])
          return true
        },
      )
    })
  }
})
