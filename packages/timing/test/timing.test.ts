import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ClientGoneError, ConfigError, type Millrace, millrace, reply } from '@millrace/core'
import { FakeExchange, fakeExchange, scriptedHandler, settled, VirtualClock } from '@millrace/testing'
import {
  type CallTimed,
  callTimed,
  type ExchangeTimed,
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
    assert.deepEqual(await fieldFor(true), ['total;dur=12.3'])
    assert.deepEqual(await fieldFor({}), ['total;dur=12.3'])
  })

  it('can have another name', async () => {
    assert.deepEqual(await fieldFor({ metric: 'app' }), ['app;dur=12.3'])
  })

  it('stands beside those of the handler', async () => {
    assert.deepEqual(await fieldFor(true, { 'Server-Timing': 'db;dur=3' }), ['db;dur=3', 'total;dur=12.3'])
  })

  it('can be left out', async (t) => {
    const { exchanges } = listen(t)
    assert.deepEqual(await fieldFor({ header: false }), [])
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
        method: 'POST',
        route: '/cities/:id',
        status: 201,
        head: 30,
        total: 100,
        bytes: 7,
        aborted: false,
        failed: false,
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

  it('counts a 5xx answer as failed', async (t) => {
    const { exchanges } = listen(t)
    for (const status of [499, 500, 503]) {
      const exchange = fakeExchange({ handler: () => reply(status) })
      await millWith(true).match('GET', '/').run(exchange)
      exchange.finish()
      await settled()
    }
    assert.deepEqual(
      exchanges.map((event) => [event.status, event.failed]),
      [
        [499, false],
        [500, true],
        [503, true],
      ],
    )
  })

  it('has status 0 and no head when the handler throws, and the error goes on', async (t) => {
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
    exchange.finish(21)
    await settled()
    assert.deepEqual(exchanges, [
      {
        method: 'GET',
        route: '/',
        status: 0,
        head: undefined,
        total: 6,
        bytes: 21,
        aborted: false,
        failed: true,
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
    assert.deepEqual([event?.status, event?.head, event?.aborted, event?.failed], [0, undefined, true, false])
  })

  it('has the bytes that went out when the client leaves before the end', async (t) => {
    const { exchanges } = listen(t)
    const exchange = fakeExchange()
    await millWith(true).match('GET', '/').run(exchange)
    exchange.leave(1)
    await settled()
    const [event] = exchanges
    assert.deepEqual([event?.status, event?.bytes, event?.aborted, event?.failed], [200, 1, true, false])
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
    assert.deepEqual(counts(), { inFlight: 0, finished: 0, aborted: 0, failed: 0 })
    const good = await run()
    const bad = await run(fakeExchange({ handler: () => reply(500) }))
    const gone = await run()
    const thrown = await run(fakeExchange({ handler: () => Promise.reject(new Error('no')) }))
    assert.deepEqual(counts(), { inFlight: 4, finished: 0, aborted: 0, failed: 0 })
    good.finish()
    bad.finish()
    gone.leave()
    thrown.finish()
    await settled()
    assert.deepEqual(counts(), { inFlight: 0, finished: 4, aborted: 1, failed: 2 })
  })
})

describe('the event of a call', () => {
  it('tells how long it took, and hands its result on', async (t) => {
    const { calls, exchanges } = listen(t)
    const clock = new VirtualClock()
    const find = millWith(true, clock).wrap('city.find', async (id: string) => {
      await clock.advance(40)
      return `city ${id}`
    })
    assert.equal(await find('5'), 'city 5')
    assert.deepEqual(calls, [{ name: 'city.find', total: 40, failed: false }])
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
    assert.deepEqual(calls, [{ name: 'city.find', total: 3, failed: true }])
  })

  it('is there for one that returns nothing', async (t) => {
    const { calls } = listen(t)
    await millWith(true).wrap('noop', () => undefined)()
    assert.deepEqual(calls, [{ name: 'noop', total: 0, failed: false }])
  })
})

describe('a mistake in a rule', () => {
  const mistakes: readonly (readonly [rule: unknown, problem: string])[] = [
    [{ header: 'no' }, '.header: expected boolean, got "no"'],
    [{ metric: 'my app' }, '.metric: expected a token such as "total", got "my app"'],
    [{ metric: '' }, '.metric: expected a token such as "total", got ""'],
    [{ metric: 5 }, '.metric: expected string, got 5'],
    [{ metrik: 'app' }, '.metrik: unknown option; did you mean "metric"? (options: header, metric)'],
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
