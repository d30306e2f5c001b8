import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Call, ConfigError, millrace } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import { BreakerOpenError, breaker, rejected, stateChanged, TimeoutError, timedOut } from '../src/index.ts'

const never = new Promise<never>(() => {})

/** A Millrace, and a function that answers as it is told to, under the rules of `calls`. */
const under = (rules: object | true | string) => {
  const clock = new VirtualClock()
  const mill = millrace({ plugins: [breaker({ random: () => 0 })], clock })
  const told: { answer: () => unknown; readonly signals: AbortSignal[]; runs: number } = {
    answer: () => 'ok',
    signals: [],
    runs: 0,
  }
  const ask = mill.wrap(
    'city.find',
    async function (this: Call, _id?: string) {
      told.runs++
      told.signals.push(this.signal)
      return told.answer()
    },
    { breaker: rules },
  )
  return { clock, mill, told, ask }
}

const fail = (): never => {
  throw new Error('no route to the data base')
}

/** What comes of it, in a word. */
const comesTo = (running: Promise<unknown>): Promise<unknown> =>
  running.then(
    (value) => value,
    (error: unknown) => (error instanceof Error ? error.name : error),
  )

describe('a call', () => {
  it('passes with its result, its error, its arguments and its name', async () => {
    const mill = millrace({ plugins: [breaker()] })
    const divide = mill.wrap(
      'divide',
      async function (this: Call, a: number, b: number) {
        assert.equal(this.name, 'divide')
        assert.deepEqual(this.args, [a, b])
        if (b === 0) throw new RangeError('by zero')
        return a / b
      },
      { breaker: '2s' },
    )
    assert.equal(await divide(6, 3), 2)
    await assert.rejects(divide(1, 0), RangeError)
  })

  it('is rejected without being made while the circuit is open, and says for how long', async () => {
    const { told, ask, clock, mill } = under({ trip: { minimum: 4 }, reset: '30s' })
    told.answer = fail
    for (let i = 0; i < 4; i++) await assert.rejects(ask(), /no route/)
    await clock.advance(10_000)
    await assert.rejects(ask(), (error: unknown) => {
      assert.ok(error instanceof BreakerOpenError)
      assert.equal(error.code, 'ERR_MILLRACE_BREAKER_OPEN')
      assert.equal(error.status, 503)
      assert.equal(error.retryAfter, 20_000)
      return true
    })
    assert.equal(told.runs, 4)
    assert.deepEqual(await mill.health(), {
      status: 'degraded',
      plugins: { breaker: { status: 'degraded', detail: 'open: city.find' } },
    })
    assert.deepEqual(mill.inspect().plugins['breaker'], {
      circuits: [
        {
          name: 'city.find',
          key: '',
          state: 'open',
          window: { total: 0, failures: 0, slow: 0 },
          consecutive: 0,
          rejected: 1,
          trips: 1,
          nextAttempt: clock.now() + 20_000,
          lastError: 'no route to the data base',
        },
      ],
      bulkheads: {},
    })
  })

  it('waits longer after each trip in a row, and tells every change of state', async (t) => {
    const { told, ask, clock } = under({ trip: { consecutive: 1 }, reset: { after: '10s', max: '25s' } })
    const changes: string[] = []
    t.after(
      stateChanged.subscribe(({ from, to, why, retryAfter }) =>
        changes.push(`${from} ${to} ${why} ${retryAfter}`),
      ),
    )
    told.answer = fail
    await comesTo(ask())
    for (const wait of [10_000, 20_000, 25_000]) {
      await clock.advance(wait - 1)
      assert.equal(await comesTo(ask()), 'BreakerOpenError')
      await clock.advance(1)
      if (wait === 25_000) told.answer = () => 'ok'
      await comesTo(ask())
    }
    assert.equal(await ask(), 'ok')
    assert.deepEqual(changes, [
      'closed open consecutive 10000',
      'open half-open due undefined',
      'half-open open probe 20000',
      'open half-open due undefined',
      'half-open open probe 25000',
      'open half-open due undefined',
      'half-open closed probe undefined',
    ])
  })

  it('that takes too long is rejected at the deadline, its signal aborted, and what comes later is nobody’s', async (t) => {
    const { told, ask, clock, mill } = under('2s')
    const late: string[] = []
    t.after(timedOut.subscribe(({ at, scope, limit }) => late.push(`${at} ${scope} ${limit}`)))
    const answer = Promise.withResolvers<string>()
    told.answer = () => answer.promise
    const running = assert.rejects(ask(), (error: unknown) => {
      assert.ok(error instanceof TimeoutError)
      assert.equal(error.message, 'city.find did not answer within 2000 ms')
      assert.equal(told.signals[0]?.reason, error)
      return true
    })
    await clock.advance(1999)
    assert.equal(told.signals[0]?.aborted, false)
    await clock.advance(1)
    await running
    answer.reject(new Error('late'))
    await settled()
    assert.deepEqual(late, ['city.find total 2000'])
    assert.equal(mill.breaker.states()[0]?.window.failures, 1)
    assert.equal(clock.pending, 0)
  })

  it('has a signal of its own: the deadline of one is not that of another (opossum circuit.js:751)', async () => {
    const { told, ask, clock } = under('2s')
    told.answer = () => never
    const first = comesTo(ask())
    await clock.advance(1000)
    const second = comesTo(ask())
    await clock.advance(1000)
    assert.equal(await first, 'TimeoutError')
    assert.deepEqual(
      told.signals.map(({ aborted }) => aborted),
      [true, false],
    )
    await clock.advance(1000)
    assert.equal(await second, 'TimeoutError')
  })

  it('that is at work or was rejected is not in the denominator (opossum circuit.js:992)', async () => {
    const { told, ask, mill } = under({ trip: { minimum: 8, ratio: 1 } })
    told.answer = () => never
    for (let i = 0; i < 10; i++) void ask()
    told.answer = fail
    for (let i = 0; i < 8; i++) assert.equal(await comesTo(ask()), 'Error')
    assert.equal(await comesTo(ask()), 'BreakerOpenError')
    assert.equal(mill.breaker.states()[0]?.state, 'open')
  })

  it('that began before the trip changes nothing when it ends (opossum, reproduction r3)', async () => {
    const { told, ask, clock, mill } = under({ trip: { consecutive: 1 }, reset: '10s' })
    const early = Promise.withResolvers<string>()
    const probe = Promise.withResolvers<string>()
    const state = (): unknown => mill.breaker.states()[0]?.state
    told.answer = () => early.promise
    const first = ask()
    told.answer = fail
    await comesTo(ask())
    await clock.advance(10_000)
    told.answer = () => probe.promise
    const second = ask()
    assert.equal(state(), 'half-open')
    early.resolve('late')
    assert.equal(await first, 'late')
    assert.equal(state(), 'half-open')
    probe.resolve('ok')
    await second
    assert.equal(state(), 'closed')
  })

  it('is let through as a probe by the number that is allowed (opossum #613)', async () => {
    const { told, ask, clock, mill } = under({ trip: { consecutive: 1 }, reset: '1s', probes: 3 })
    told.answer = fail
    await comesTo(ask())
    await clock.advance(1000)
    const probe = Promise.withResolvers<string>()
    told.answer = () => probe.promise
    const all = Promise.all(Array.from({ length: 10 }, () => comesTo(ask())))
    await settled()
    assert.equal(told.runs, 4)
    probe.resolve('ok')
    assert.equal((await all).filter((each) => each === 'ok').length, 3)
    assert.equal(mill.breaker.states()[0]?.state, 'closed')
  })

  it('is counted among the last so many (opossum #817)', async () => {
    const { told, ask, clock, mill } = under({ trip: { window: { calls: 4 }, ratio: 1 } })
    const script = [true, false, false, true, false, false]
    for (const works of script) {
      told.answer = works ? () => 'ok' : fail
      await comesTo(ask())
      await clock.advance(3_600_000)
    }
    assert.equal(mill.breaker.states()[0]?.state, 'closed')
    assert.deepEqual(mill.breaker.states()[0]?.window, { total: 4, failures: 3, slow: 0 })
  })
})

describe('options', () => {
  for (const [name, rule, runs] of [
    ['minimum: 0', { trip: { minimum: 0 } }, 1],
    ['ratio: 0', { trip: { ratio: 0, minimum: 3 } }, 3],
    ['consecutive: 2', { trip: { consecutive: 2 } }, 2],
  ] as const)
    it(`are taken as they are said: ${name} (opossum #824)`, async () => {
      const { told, ask } = under(rule)
      told.answer = fail
      for (let i = 0; i < 10; i++) await comesTo(ask())
      assert.equal(told.runs, runs)
    })

  it('reset: 0 tries at once', async () => {
    const { told, ask } = under({ trip: { consecutive: 1 }, reset: 0 })
    told.answer = fail
    for (let i = 0; i < 10; i++) assert.equal(await comesTo(ask()), 'Error')
    assert.equal(told.runs, 10)
  })

  it('trip: false is no circuit', async () => {
    const { told, ask, clock, mill } = under({ trip: false, timeout: '1s' })
    told.answer = fail
    for (let i = 0; i < 100; i++) await comesTo(ask())
    assert.equal(told.runs, 100)
    told.answer = () => never
    const late = comesTo(ask())
    await clock.advance(1000)
    assert.equal(await late, 'TimeoutError')
    assert.deepEqual(mill.breaker.states(), [])
  })

  for (const [rule, message] of [
    [{ timeout: 0 }, 'wrap("x").breaker.timeout: expected a duration such as "2s", or options, got 0'],
    [{ timeout: { total: 0 } }, 'wrap("x").breaker.timeout.total: expected more than 0, got 0'],
    [
      { timeout: { attempt: '2s', total: '1s' } },
      'wrap("x").breaker.timeout: expected attempt to be at most total',
    ],
    [{ timeout: { header: true } }, 'wrap("x").breaker.timeout.header: unknown option'],
    [
      { trip: { minimum: 11, window: { calls: 10 } } },
      'wrap("x").breaker.trip: expected minimum to be at most window.calls',
    ],
    [{ trip: { ratio: 1.5 } }, 'wrap("x").breaker.trip.ratio: '],
    [{ trip: { widow: '10s' } }, 'wrap("x").breaker.trip.widow: unknown option; did you mean "window"?'],
    [{ trip: 'sometimes' }, 'wrap("x").breaker.trip: expected false, or options, got "sometimes"'],
    [
      { trip: { window: 'long' } },
      'wrap("x").breaker.trip.window: expected a duration such as "10s", or { calls: 100 }',
    ],
    [{ reset: 'soon' }, 'wrap("x").breaker.reset: expected a duration such as "10s", or options'],
    [{ reset: { after: '10m', max: '5m' } }, 'wrap("x").breaker.reset: expected after to be at most max'],
    [{ probes: 0 }, 'wrap("x").breaker.probes'],
    [{ name: '' }, 'wrap("x").breaker.name'],
    ['fast', 'wrap("x").breaker.timeout: expected a duration such as "2s", or options, got "fast"'],
  ] as const)
    it(`say what is wrong with ${JSON.stringify(rule)}`, () => {
      const mill = millrace({ plugins: [breaker()] })
      assert.throws(
        // The mistake is that of who writes no TypeScript.
        () => Reflect.apply(mill.wrap, mill, ['x', async () => 1, { breaker: rule }]),
        (error: unknown) => {
          assert.ok(error instanceof ConfigError)
          assert.ok(error.message.startsWith(message), error.message)
          return true
        },
      )
    })
})

describe('what counts as a failure', () => {
  const counted = async (rule: object, answer: () => unknown) => {
    const { told, ask, mill } = under(rule)
    told.answer = answer
    await comesTo(ask())
    const window = mill.breaker.states()[0]?.window
    return { failures: window?.failures, total: window?.total }
  }
  const reject = (error: object) => (): never => {
    throw Object.assign(new Error('no'), error)
  }
  for (const [what, answer, failures, total = 1] of [
    ['a result', () => 'ok', 0],
    ['an error', fail, 1],
    ['what is thrown and no error', () => Promise.reject('no'), 1],
    ['an error of status 404', reject({ status: 404 }), 0],
    ['an error of statusCode 429', reject({ statusCode: 429 }), 0],
    ['an error of a response 400', reject({ response: { status: 400 } }), 0],
    ['an error of status 500', reject({ status: 500 }), 1],
    ['an answer 200', () => new Response('ok'), 0],
    ['an answer 404', () => new Response('no', { status: 404 }), 0],
    ['an answer 503', () => new Response('no', { status: 503 }), 1],
    ['a row with a status', () => ({ status: 700 }), 0],
  ] as const)
    it(`${what}: ${failures}`, async () => {
      assert.deepEqual(await counted({}, answer), { failures, total })
    })

  it('is said by the rule, with the call and the duration', async () => {
    const seen: unknown[] = []
    const rule = {
      failure: (outcome: object, call: Call) => {
        seen.push(outcome, call.args)
        return 'result' in outcome
      },
    }
    assert.deepEqual(await counted(rule, () => 7), { failures: 1, total: 1 })
    assert.deepEqual(await counted(rule, fail), { failures: 0, total: 1 })
    assert.deepEqual(await counted({ failure: () => 'ignore' }, fail), {
      failures: 0,
      total: 0,
    })
    assert.deepEqual(seen.slice(0, 2), [{ result: 7, duration: 0 }, []])
  })

  it('is the usual where the rule’s function throws, and the permit comes back', async () => {
    const rule = { trip: { consecutive: 1 }, failure: fail }
    const { told, ask, clock, mill } = under({ ...rule, reset: '1s' })
    told.answer = fail
    await comesTo(ask())
    await clock.advance(1000)
    told.answer = () => 'ok'
    assert.equal(await ask(), 'ok')
    assert.equal(mill.breaker.states()[0]?.state, 'closed')
  })

  it('is by the time that it took where slow calls count', async () => {
    const { told, ask, clock, mill } = under({ trip: { slow: '1s', slowRatio: 0.5, minimum: 2 } })
    const pause = Promise.withResolvers<string>()
    await ask()
    told.answer = () => pause.promise
    const slow = ask()
    await clock.advance(1000)
    pause.resolve('ok')
    assert.equal(await slow, 'ok')
    assert.equal(mill.breaker.states()[0]?.state, 'open')
  })
})

describe('circuits', () => {
  it('are one for each key, and the one that is used least goes first, a closed one before others', async () => {
    const clock = new VirtualClock()
    const mill = millrace({ plugins: [breaker()], clock })
    const ask = mill.wrap(
      'host.ask',
      async (host: string) => {
        if (host === 'bad') throw new Error('no')
        return host
      },
      { breaker: { key: (host) => host, trip: { consecutive: 1 } } },
    )
    await comesTo(ask('bad'))
    for (let i = 0; i < 10_500; i++) await ask(`h${i}`)
    assert.equal(await comesTo(ask('bad')), 'BreakerOpenError')
    const [first, ...others] = mill.breaker.states()
    assert.equal(first?.key, 'bad')
    assert.equal(others.length, 99)
    assert.equal(others[0]?.key, 'h501')
    assert.equal(clock.pending, 0)
  })

  it('that had to go change nothing of the one that came after', async () => {
    const mill = millrace({ plugins: [breaker()] })
    const slow = Promise.withResolvers<never>()
    const ask = mill.wrap('x', async (key: string) => (key === 'slow' ? slow.promise : key), {
      breaker: { key: (key) => (key === 'slow' ? 'a' : key), trip: { consecutive: 1 } },
    })
    const first = comesTo(ask('slow'))
    for (let i = 0; i < 10_000; i++) await ask(`h${i}`)
    assert.equal(await ask('a'), 'a')
    slow.reject(new Error('no'))
    assert.equal(await first, 'Error')
    assert.equal(await ask('a'), 'a')
    assert.ok(mill.breaker.states().every(({ state }) => state === 'closed'))
  })

  it('of one name are one, across calls', async () => {
    const mill = millrace({ plugins: [breaker()] })
    const rules = { breaker: { name: 'db', trip: { consecutive: 1 } } } as const
    const read = mill.wrap('db.read', async () => 'row', rules)
    const write = mill.wrap('db.write', async () => fail(), rules)
    await comesTo(write())
    await assert.rejects(read(), { name: 'BreakerOpenError', at: 'db.read' })
  })

  it('share the one without a key where the key throws, and say so once', async (t) => {
    const { mill } = under(true)
    const warnings: string[] = []
    const note = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', note)
    t.after(() => process.off('warning', note))
    const ask = mill.wrap('x', async (_: string) => 1, { breaker: { key: fail } })
    assert.equal(await ask('a'), 1)
    assert.equal(await ask('b'), 1)
    await settled()
    assert.deepEqual(warnings, ['breaker.key of x throws: Error: no route to the data base'])
    assert.deepEqual(
      mill.breaker.states().map(({ name, key, window }) => [name, key, window.total]),
      [['x', '', 2]],
    )
  })

  it('go on as they stand when the table is replaced, under the new options', async () => {
    const clock = new VirtualClock()
    const mill = millrace({
      plugins: [breaker({ random: () => 0 })],
      clock,
      calls: { 'db.*': { breaker: { trip: { consecutive: 2 }, reset: '60s' } } },
    })
    let answer: () => unknown = fail
    const ask = mill.wrap('db.read', async () => answer())
    await comesTo(ask())
    mill.configure({ calls: { 'db.*': { breaker: { trip: { consecutive: 3 }, reset: '60s' } } } })
    await comesTo(ask())
    await comesTo(ask())
    assert.equal(await comesTo(ask()), 'BreakerOpenError')
    mill.configure({ calls: { 'db.*': { breaker: { trip: { consecutive: 3 }, reset: '5s' } } } })
    answer = () => 'ok'
    await clock.advance(4999)
    assert.equal(await comesTo(ask()), 'BreakerOpenError')
    await clock.advance(1)
    assert.equal(await comesTo(ask()), 'ok')
    assert.equal(mill.breaker.states().length, 1)
  })

  it('do not follow a table that is not taken', async () => {
    const mill = millrace({
      plugins: [breaker()],
      calls: { '**': { breaker: { trip: { consecutive: 1 } } } },
    })
    const ask = mill.wrap('x', async () => fail())
    assert.throws(
      () => Reflect.apply(mill.configure, mill, [{ calls: { x: { breaker: { trip: false, wrong: 1 } } } }]),
      ConfigError,
    )
    await comesTo(ask())
    assert.equal(await comesTo(ask()), 'BreakerOpenError')
  })
})

describe('an operator', () => {
  it('opens and closes by force, and lets go', async (t) => {
    const { told, ask, mill } = under({ trip: { consecutive: 1 } })
    const refused: (number | undefined)[] = []
    t.after(rejected.subscribe(({ retryAfter }) => refused.push(retryAfter)))
    mill.breaker.isolate('city.find', 'open')
    assert.equal(await comesTo(ask()), 'BreakerOpenError')
    assert.deepEqual(refused, [undefined])
    assert.equal(mill.breaker.states()[0]?.state, 'isolated')
    assert.equal((await mill.health()).status, 'ok')
    mill.breaker.isolate('city.find', 'closed')
    told.answer = fail
    for (let i = 0; i < 3; i++) assert.equal(await comesTo(ask()), 'Error')
    mill.breaker.release('city.find')
    assert.equal(await comesTo(ask()), 'Error')
    assert.equal(await comesTo(ask()), 'BreakerOpenError')
    mill.breaker.reset('city.find')
    told.answer = () => 'ok'
    assert.equal(await ask(), 'ok')
  })

  it('means every key of a name, those that are still to come among them', async () => {
    const mill = millrace({ plugins: [breaker()] })
    const ask = mill.wrap('find', async (id: string) => id, { breaker: { key: (id) => id } })
    mill.breaker.isolate('find', 'open')
    assert.equal(await comesTo(ask('a')), 'BreakerOpenError')
    mill.breaker.isolate('find', 'closed', 'a')
    assert.equal(await ask('a'), 'a')
    assert.equal(await comesTo(ask('b')), 'BreakerOpenError')
    mill.breaker.release('find', 'b')
    assert.equal(await ask('b'), 'b')
    assert.equal(await comesTo(ask('c')), 'BreakerOpenError')
    mill.breaker.release('find')
    assert.equal(await ask('c'), 'c')
    assert.equal(await ask('d'), 'd')
    mill.breaker.isolate('find', 'open')
    mill.breaker.reset('find')
    assert.equal(await ask('e'), 'e')
    assert.deepEqual(
      mill.breaker.states().filter(({ state }) => state !== 'closed'),
      [],
    )
  })

  it('sees how the last failure went, whatever it was', async () => {
    for (const [failure, lastError] of [
      [new Error('gone'), 'gone'],
      ['gone', 'gone'],
      [undefined, 'undefined'],
      [{ status: 502, headers: {} }, 'answered 502'],
      [{ message: 'gone' }, 'gone'],
      [Object.create(null), 'a failure without a message'],
      [Object.assign(new Error('gone'), { message: { code: 1 } }), 'a failure without a message'],
    ] as const) {
      const { told, ask, mill } = under({ trip: { consecutive: 2 } })
      told.answer = () => {
        throw failure
      }
      for (let i = 0; i < 2; i++)
        await ask().then(
          () => assert.fail('expected it to fail'),
          (error: unknown) => assert.equal(error, failure),
        )
      const [state] = mill.breaker.states()
      assert.equal(state?.state, 'open')
      assert.equal(state?.lastError, lastError)
    }
  })

  it('is told of a name that is not there', () => {
    const { mill } = under(true)
    assert.throws(() => mill.breaker.isolate('city.fnd', 'open'), {
      name: 'RangeError',
      message: 'no circuit is named "city.fnd" (known: city.find)',
    })
  })
})
