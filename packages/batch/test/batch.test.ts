import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigError, type Exchange, millrace, type Remark, type Reply, reply } from '@millrace/core'
import { type FakeExchange, type FakeRequest, fakeExchange, settled, VirtualClock } from '@millrace/testing'
import { BatchFullError, BatchResultError, type BatchRule, BatchStoppedError, batch } from '../src/index.ts'

const plugins = () => [batch({ random: () => 1 })] as const

const text = ({ body }: Reply): string => (body instanceof Uint8Array ? new TextDecoder().decode(body) : '')

/** A mill with one rule for all, and a virtual clock. */
const route = (rule: BatchRule) => {
  const clock = new VirtualClock()
  const mill = millrace({ plugins: plugins(), routes: { '/**': { batch: rule } }, clock })
  const ask = (request: FakeRequest = {}): { exchange: FakeExchange; answer: Promise<Reply> } => {
    const exchange = fakeExchange(request)
    return { exchange, answer: mill.match(exchange.method, exchange.path).run(exchange) }
  }
  return { clock, mill, ask }
}

describe('on a route', () => {
  it('requests that come together are given to one call of the handler, each answered on its own', async () => {
    const seen: string[][] = []
    const { ask } = route({
      handler: async (exchanges) => {
        seen.push(exchanges.map(({ url }) => url))
        return exchanges.map(({ url }) => ({ url }))
      },
    })
    const asked = ['/a', '/b', '/c'].map((url) => ask({ url }))
    const answers = await Promise.all(asked.map(({ answer }) => answer))
    assert.deepEqual(seen, [['/a', '/b', '/c']])
    assert.deepEqual(answers.map(text), ['{"url":"/a"}', '{"url":"/b"}', '{"url":"/c"}'])
    for (const { status, headers } of answers) {
      assert.equal(status, 200)
      assert.equal(headers.get('content-type'), 'application/json; charset=utf-8')
    }
    assert.ok(asked.every(({ exchange }) => exchange.runs === 0))
  })

  it('an answer may be a reply, a value, an error of one alone, or left to the route’s own handler', async () => {
    const { ask } = route({
      handler: (exchanges) =>
        exchanges.map(({ path }) => {
          if (path === '/reply') return reply(404, { 'x-why': 'gone' }, 'no such city')
          if (path === '/null') return null
          if (path === '/error') return new RangeError('this one')
          if (path === '/unsendable') return () => 1
          return undefined
        }),
    })
    const asked = ['/reply', '/null', '/error', '/unsendable', '/own'].map((url) => ask({ url }))
    const [given, nothing, error, unsendable, own] = await Promise.allSettled(
      asked.map(({ answer }) => answer),
    )
    assert.ok(given?.status === 'fulfilled' && nothing?.status === 'fulfilled' && own?.status === 'fulfilled')
    assert.deepEqual(
      [given.value.status, given.value.headers.get('x-why'), text(given.value)],
      [404, 'gone', 'no such city'],
    )
    assert.equal(text(nothing.value), 'null')
    assert.ok(error?.status === 'rejected' && error.reason instanceof RangeError)
    assert.ok(unsendable?.status === 'rejected' && unsendable.reason instanceof TypeError)
    assert.equal(text(own.value), 'ok')
    assert.equal(asked[4]?.exchange.runs, 1)
  })

  it('one reply for several is each one’s own', async () => {
    const one = reply(200, { etag: '"1"' }, 'same')
    const { ask } = route({ handler: (exchanges) => exchanges.map(() => one) })
    const [a, b] = await Promise.all([ask().answer, ask().answer])
    a?.headers.set('x-mine', '1')
    assert.equal(b?.headers.get('x-mine'), undefined)
    assert.equal(one.headers.get('x-mine'), undefined)
    assert.equal(b?.headers.get('etag'), '"1"')
  })

  it('another number of answers than requests, and a handler that throws, are everybody’s error', async () => {
    const few = route({ handler: () => [1] })
    for (const { status, ...rest } of await Promise.allSettled([few.ask().answer, few.ask().answer])) {
      assert.equal(status, 'rejected')
      assert.ok('reason' in rest && rest.reason instanceof BatchResultError)
    }
    const throwing = route({
      handler: () => {
        throw new RangeError('no')
      },
    })
    await assert.rejects(throwing.ask().answer, RangeError)
  })

  it('a client that leaves takes its request with it, and the last one the batch', async () => {
    const signals: AbortSignal[] = []
    const { clock, ask } = route({
      window: '5ms',
      handler: (exchanges, { signal }) => {
        signals.push(signal)
        return new Promise(() => exchanges)
      },
    })
    const [one, two, three] = [ask(), ask(), ask()]
    const gone = Promise.allSettled([one.answer, two.answer, three.answer])
    one.exchange.leave()
    await clock.advance(5)
    two.exchange.leave()
    assert.equal(signals[0]?.aborted, false)
    three.exchange.leave()
    assert.equal(signals[0]?.aborted, true)
    for (const each of await gone) assert.ok(each.status === 'rejected' && each.reason.name === 'AbortError')
  })

  it('groups and priorities are said of exchanges; limits hold', async () => {
    const seen: string[][] = []
    const { clock, ask } = route({
      window: '1ms',
      max: 1,
      concurrency: 1,
      queue: 3,
      groupBy: ({ headers }) => headers['x-tenant'],
      priority: ({ query }) => Number(query.get('p') ?? 0),
      handler: async (exchanges) => {
        seen.push(exchanges.map(({ url }) => url))
        return exchanges.map(({ url }) => url)
      },
    })
    const asked = ['/?p=1', '/?p=3', '/?p=2'].map((url) => ask({ url, headers: { 'x-tenant': url } }).answer)
    await assert.rejects(ask().answer, (error) => error instanceof BatchFullError && error.status === 503)
    await clock.advance(1)
    await Promise.all(asked)
    assert.deepEqual(seen, [['/?p=3'], ['/?p=2'], ['/?p=1']])
  })

  it('after the mill has stopped nothing is taken, and what was accepted is answered', async () => {
    const { mill, ask } = route({ window: '1h', handler: (exchanges) => exchanges.map(({ url }) => url) })
    await mill.start()
    const accepted = ask({ url: '/a' }).answer
    await settled()
    await mill.stop()
    assert.equal(text(await accepted), '"/a"')
    await assert.rejects(ask().answer, (error) => error instanceof BatchStoppedError && error.status === 503)
    await mill.start()
    const again = ask({ url: '/b' }).answer
    await mill.stop()
    assert.equal(text(await again), '"/b"')
  })

  it('what was begun under an old table is finished at the stop too', async () => {
    const { mill, ask } = route({ window: '1h', handler: (exchanges) => exchanges.map(() => 'old') })
    await mill.start()
    const { answer } = ask()
    mill.configure({
      routes: {
        '/**': { batch: { window: '1h', handler: (all: readonly Exchange[]) => all.map(() => 'new') } },
      },
    })
    await settled()
    await mill.stop()
    assert.equal(text(await answer), '"old"')
  })

  it('the stop waits for what comes right after the last answer, however soon', async () => {
    for (let turns = 0; turns < 10; turns++) {
      const held = Promise.withResolvers<void>()
      const { mill, ask } = route({
        handler: async (exchanges) => {
          if (exchanges[0]?.url === '/held') await held.promise
          return exchanges.map(() => 'done')
        },
      })
      await mill.start()
      let last: Promise<Reply> | undefined
      await ask().answer.then(async () => {
        for (let i = 0; i < turns; i++) await undefined
        last = ask({ url: '/held' }).answer
      })
      await settled()
      let isStopped = false
      const stopping = mill.stop().then(() => {
        isStopped = true
      })
      await settled()
      await settled()
      assert.equal(isStopped, false)
      held.resolve()
      await Promise.all([last, stopping])
    }
  })

  it('no more places are told of than 10,000, those of the last table', () => {
    const { mill } = route({ handler: () => [] })
    const rule = { batch: { handler: () => [] } }
    mill.configure({ routes: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`/${i}`, rule])) })
    const places = Object.keys(Object(mill.inspect().plugins['batch']))
    assert.deepEqual([places.length, places.includes('/**'), places.includes('/9999')], [10_000, false, true])
  })

  it('a rule without a handler, or with a wrong option, is a mistake that names its place', () => {
    const table: readonly (readonly [rule: object | true, message: RegExp])[] = [
      [true, /^routes\["\/x"\]\.batch\.handler: expected a function, got nothing$/],
      [
        { handler: () => [], window: '5 lightyears' },
        /^routes\["\/x"\]\.batch\.window: expected "tick", "turn", a duration such as "5ms", or \{ min, max, target \}, got "5 lightyears"$/,
      ],
      [{ handler: () => [], max: { max: 5 } }, /batch\.max/],
      [{ handler: () => [], windw: 1 }, /unknown option; did you mean "window"/],
    ]
    for (const [rule, message] of table) {
      const routes: Record<string, object> = { '/x': { batch: rule } }
      assert.throws(
        () => millrace({ plugins: plugins(), routes }),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
    }
  })

  it('what it tells of a request links it to the first of its batch', async () => {
    const plugin = batch()
    const told: Remark[] = []
    const ends = (plugin.telemetry?.remarks ?? []).map((each) => each.watch((remark) => told.push(remark)))
    const counted: [name: string, labels: readonly string[], value: number][] = []
    for (const metric of plugin.telemetry?.metrics ?? [])
      if ('watch' in metric)
        ends.push(metric.watch((labels, value) => counted.push([metric.name, labels, value])))
    const clock = new VirtualClock()
    const handler = (all: readonly Exchange[]): readonly unknown[] =>
      all.map(({ path }) => (path === '/b' ? new RangeError('no') : path))
    const mill = millrace({
      plugins: [plugin],
      routes: { '/**': { batch: { window: '5ms', handler } } },
      clock,
    })
    const exchanges = ['/a', '/b'].map((url) => fakeExchange({ url }))
    const answers = Promise.allSettled(
      exchanges.map((exchange) => mill.match('GET', exchange.path).run(exchange)),
    )
    await clock.advance(5)
    await answers
    for (const end of ends) end()
    assert.deepEqual(
      told.map(({ name, outcome, exchange, linked, attributes, duration }) => [
        name,
        outcome,
        exchange,
        linked,
        attributes,
        duration,
      ]),
      [
        ['batch', 'ok', exchanges[0], undefined, { 'batch.size': 2, 'batch.wait': 5 }, 5],
        ['batch', 'error', exchanges[1], exchanges[0], { 'batch.size': 2, 'batch.wait': 5 }, 5],
      ],
    )
    assert.deepEqual(
      counted.filter(([, , value]) => value !== 0),
      [
        ['millrace_batch_size', ['/**'], 2],
        ['millrace_batch_wait_seconds', ['/**'], 0.005],
        ['millrace_batch_errors_total', ['/**'], 1],
      ],
    )
  })

  it('its options are in the schema of a table', () => {
    const mill = millrace({ plugins: plugins() })
    const text = JSON.stringify(mill.schema())
    for (const option of ['window', 'concurrency', 'batchTimeout', 'split', 'groupBy'])
      assert.ok(text.includes(`"${option}"`), option)
  })

  it('it is seen by its name, explained, and healthy until as many wait as may', async () => {
    const { mill, ask, clock } = route({
      window: '5ms',
      max: { max: 64, target: '20ms' },
      queue: 1,
      handler: (all) => all.map(() => 1),
    })
    assert.deepEqual(
      mill.explain('GET', '/').layers.map(({ says }) => says),
      [['in batches of 1 to 64, as 20 ms allow, within 5 ms']],
    )
    assert.equal((await mill.health()).status, 'ok')
    const { answer } = ask()
    assert.equal((await mill.health()).status, 'degraded')
    await clock.advance(5)
    await answer
    const state = mill.inspect().plugins['batch']
    assert.equal(JSON.stringify(state).includes('"/**":{"waiting":0'), true)
  })
})

describe('around calls', () => {
  const cities =
    (calls: (readonly (readonly [string])[])[]) =>
    async (some: readonly (readonly [string])[]): Promise<readonly unknown[]> => {
      calls.push(some)
      return some.map(([id]) => (id === 'x' ? new RangeError('no such city') : `city ${id}`))
    }

  it('calls that come together are one call of many, equal ones one item', async () => {
    const calls: (readonly (readonly [string])[])[] = []
    const mill = millrace({ plugins: plugins() })
    const find = mill.wrap('city.find', async (id: string) => `alone ${id}`, {
      batch: { many: cities(calls) },
    })
    const [a, b, again, wrong] = await Promise.allSettled([find('1'), find('2'), find('1'), find('x')])
    assert.deepEqual(calls, [[['1'], ['2'], ['x']]])
    assert.deepEqual(
      [a, b, again].map((each) => each?.status === 'fulfilled' && each.value),
      ['city 1', 'city 2', 'city 1'],
    )
    assert.ok(wrong?.status === 'rejected' && wrong.reason instanceof RangeError)
  })

  it('of several arguments each call is its own, unless a key says otherwise', async () => {
    const sizes: number[] = []
    const many = async (calls: readonly (readonly [number, number])[]): Promise<readonly unknown[]> => {
      sizes.push(calls.length)
      return calls.map(([a, b]) => a + b)
    }
    const mill = millrace({ plugins: plugins() })
    const add = async (a: number, b: number): Promise<number> => a + b
    const plain = mill.wrap('add', add, { batch: { many } })
    const keyed = mill.wrap('add.keyed', add, {
      batch: { many, key: (a, b) => `${a},${b}`, groupBy: (a, _b) => a % 2, priority: (a, _b) => a },
    })
    assert.deepEqual(await Promise.all([plain(1, 2), plain(1, 2)]), [3, 3])
    assert.deepEqual(await Promise.all([keyed(1, 2), keyed(1, 2), keyed(2, 2)]), [3, 3, 4])
    assert.deepEqual(sizes, [2, 1, 1])
  })

  it('where it is off the function runs by itself', async () => {
    const mill = millrace({ plugins: plugins(), calls: { 'city.*': { batch: false } } })
    const find = mill.wrap('city.find', async (id: string) => `alone ${id}`, {})
    assert.equal(await find('1'), 'alone 1')
  })
})
