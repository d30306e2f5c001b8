import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type Millrace, millrace, reply } from '@millrace/core'
import { fakeExchange, settled, VirtualClock } from '@millrace/testing'
import { ChaosError, type ChaosRule, chaos, type Injected, injected } from '../src/chaos/index.ts'

const millOf = (rule: ChaosRule | number, clock = new VirtualClock(), seed = 1): Millrace =>
  millrace({ plugins: [chaos({ seed })], routes: { '/**': { chaos: rule } }, clock })

/** How so many requests end. */
const outcomes = async (mill: Millrace, count: number): Promise<string[]> => {
  const seen: string[] = []
  for (let request = 0; request < count; request++) {
    const exchange = fakeExchange({ handler: () => reply(200, {}, '{"id":1}') })
    const answer = await mill
      .match('GET', '/')
      .run(exchange)
      .catch((error: unknown) => String(error))
    if (typeof answer === 'string') seen.push(answer)
    else if (answer.body instanceof Uint8Array) seen.push(new TextDecoder().decode(answer.body))
    else seen.push('cut')
  }
  return seen
}

describe('on routes', () => {
  it('nothing happens at a rate of 0, everything at 1', async () => {
    const some = await outcomes(millOf({ error: 0, abort: 0, garbage: 1e-12 }), 200)
    assert.deepEqual([...new Set(some)], ['{"id":1}'])
    const all = await outcomes(millOf(1), 200)
    assert.deepEqual([...new Set(all)], ['ChaosError: /** failed on purpose'])
  })

  it('faults come at their rates', async () => {
    const seen = await outcomes(millOf({ error: 0.2, abort: 0.25, garbage: 0.5 }), 5000)
    const share = (of: (outcome: string) => boolean): number => seen.filter(of).length / seen.length
    const isNear = (got: number, wanted: number): void =>
      assert.ok(Math.abs(got - wanted) < 0.03, `${got} is not near ${wanted}`)
    isNear(
      share((outcome) => outcome.startsWith('ChaosError')),
      0.2,
    )
    isNear(
      share((outcome) => outcome === 'cut'),
      0.8 * 0.25,
    )
    isNear(
      share((outcome) => outcome === '{"id":1}'),
      0.8 * 0.75 * 0.5,
    )
  })

  it('the same seed makes the same faults', async () => {
    const run = (seed: number): Promise<string[]> =>
      outcomes(millOf({ error: 0.3, abort: 0.3, garbage: 0.3 }, new VirtualClock(), seed), 100)
    assert.deepEqual(await run(7), await run(7))
    assert.notDeepEqual(await run(7), await run(8))
  })

  it('holds up for a time between the bounds, and no longer than somebody waits', async () => {
    const clock = new VirtualClock()
    const told: Injected[] = []
    const end = injected.subscribe((event) => void told.push(event))
    const mill = millOf({ latency: { rate: 1, min: '100ms', max: '200ms' } }, clock)
    const exchange = fakeExchange()
    let isAnswered = false
    const running = mill
      .match('GET', '/')
      .run(exchange)
      .then(() => {
        isAnswered = true
      })
    await clock.advance(99)
    assert.equal(isAnswered, false)
    await clock.advance(101)
    assert.equal(isAnswered, true)
    await running
    const [event] = told
    assert.ok(event?.fault === 'latency' && event.exchange === exchange)
    assert.ok(event.latency !== undefined && event.latency >= 100 && event.latency <= 200)

    const left = fakeExchange()
    const waiting = mill.match('GET', '/').run(left)
    await settled()
    left.leave()
    await assert.rejects(waiting, { name: 'AbortError' })
    assert.equal(clock.pending, 0)
    assert.equal(left.runs, 0)
    end()
  })

  it('an error has the status it was told, and the handler has not run', async () => {
    const exchange = fakeExchange()
    await assert.rejects(
      millOf({ error: { rate: 1, status: 429 } })
        .match('GET', '/')
        .run(exchange),
      (error) => error instanceof ChaosError && error.status === 429 && error.statusCode === 429,
    )
    assert.equal(exchange.runs, 0)
  })

  it('garbage is as long as what it was made of, is no text, and must not be kept', async () => {
    async function* stream(): AsyncIterable<Uint8Array> {
      yield new TextEncoder().encode('{"id":')
      yield new TextEncoder().encode('1}')
    }
    for (const body of ['{"id":1}', stream()]) {
      const original = reply(200, { 'content-length': '8', 'cache-control': 'public' }, body)
      const exchange = fakeExchange({ handler: () => original })
      const answer = await millOf({ garbage: 1 }).match('GET', '/').run(exchange)
      const chunks: Uint8Array[] = []
      if (answer.body instanceof Uint8Array) chunks.push(answer.body)
      else if (answer.body !== null) for await (const chunk of answer.body) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      assert.equal(bytes.byteLength, 8)
      assert.throws(() => JSON.parse(bytes.toString()))
      assert.equal(answer.headers.get('cache-control'), 'no-store')
    }
  })

  it('leaves alone what it is not for', async () => {
    const mill = millOf({ error: 1, only: ({ headers }) => headers['x-chaos'] === '1' })
    const plain = await mill.match('GET', '/').run(fakeExchange())
    assert.equal(plain.status, 200)
    await assert.rejects(mill.match('GET', '/').run(fakeExchange({ headers: { 'x-chaos': '1' } })))
  })

  it('leaves alone what its rule says nothing of, or throws for', async () => {
    const says = (): boolean => Reflect.get({}, 'said')
    const throws = (): never => {
      throw new Error('no such field')
    }
    for (const only of [says, throws]) {
      const mill = millOf({ error: 1, only })
      assert.equal((await mill.match('GET', '/').run(fakeExchange())).status, 200)
      const find = mill.wrap('find', async (id: number) => id, { chaos: { error: 1, only } })
      assert.equal(await find(5), 5)
    }
  })

  it('counts, and says how to see the same again', async () => {
    const mill = millOf({ error: 0.5 }, new VirtualClock(), 42)
    const seen = await outcomes(mill, 100)
    assert.deepEqual(mill.inspect().plugins['chaos'], {
      seed: 42,
      latency: 0,
      error: seen.filter((outcome) => outcome.startsWith('ChaosError')).length,
      abort: 0,
      garbage: 0,
    })
    assert.deepEqual(mill.explain('GET', '/').layers.find(({ plugin }) => plugin === 'chaos')?.says, [
      'fails on purpose, at a rate of 0.5',
    ])
  })
})

describe('around calls', () => {
  const find = (
    rule: ChaosRule,
    result: unknown = { id: 1, name: 'Bern' },
  ): ((id: number) => Promise<unknown>) =>
    millrace({ plugins: [chaos({ seed: 3 })], calls: {} }).wrap('find', async (_id: number) => result, {
      chaos: { ...rule, only: undefined },
    })

  it('fails, and is cut off as a connection would be', async () => {
    await assert.rejects(find({ error: 1 })(1), { name: 'ChaosError', code: 'ERR_MILLRACE_CHAOS' })
    await assert.rejects(find({ abort: 1 })(1), { name: 'ChaosError', code: 'ECONNRESET' })
  })

  it('damages a copy of the result', async () => {
    const city = { id: 1, name: 'Bern' }
    const table: readonly [result: unknown, damaged: (result: unknown) => boolean][] = [
      [city, (value) => typeof value === 'object' && value !== null && Object.keys(value).length === 1],
      ['Bern', (value) => value === 'Be\uFFFD'],
      [[1, 2, 3, 4], (value) => Array.isArray(value) && value.length === 2],
      [5, (value) => value === null],
      [Buffer.from('Bern'), (value) => value instanceof Uint8Array && String(value) !== 'Bern'],
    ]
    for (const [result, isDamaged] of table) {
      assert.ok(isDamaged(await find({ garbage: 1 }, result)(1)), String(result))
    }
    assert.deepEqual(city, { id: 1, name: 'Bern' })
  })

  it('chooses by the arguments', async () => {
    const mill = millrace({ plugins: [chaos()] })
    const find = mill.wrap('find', async (id: number) => id, { chaos: { error: 1, only: (id) => id > 5 } })
    assert.equal(await find(5), 5)
    await assert.rejects(find(6))
  })
})

describe('mistakes', () => {
  const before = process.env['NODE_ENV']
  afterEach(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })

  it('is refused in production, unless it is meant', () => {
    process.env['NODE_ENV'] = 'production'
    assert.throws(() => chaos(), { name: 'ConfigError', message: /refused, as NODE_ENV is "production"/ })
    assert.ok(chaos({ inProduction: 'break it on purpose' }))
  })

  it('says what is wrong with a rule', () => {
    const table: readonly [rule: unknown, message: RegExp][] = [
      [true, /expected one of latency, error, abort and garbage/],
      [{ error: 0 }, /expected one of latency, error, abort and garbage/],
      [2, /routes\["\/\*\*"\]\.chaos\.error/],
      [{ error: { rate: 0.5, status: 200 } }, /chaos\.error/],
      [{ latency: { rate: 1 } }, /chaos\.latency\.max/],
      [{ latency: { rate: 1, min: '2s', max: '1s' } }, /expected min to be at most max/],
      [{ erorr: 1 }, /erorr/],
    ]
    for (const [rule, message] of table) {
      const routes: Record<string, object> = { '/**': { chaos: rule } }
      assert.throws(() => millrace({ plugins: [chaos()], routes }), message, JSON.stringify(rule))
    }
    assert.throws(() => chaos({ seed: 0.5 }), /chaos\(\{ seed \}\): expected a whole number, got 0.5/)
  })
})
