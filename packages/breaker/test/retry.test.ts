import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import type { Call } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { nextWait, waitAsAsked } from '../src/backoff.ts'
import { Budget } from '../src/budget.ts'
import { calls } from '../src/calls.ts'
import { BreakerOpenError, TimeoutError } from '../src/errors.ts'
import { type Retried, retried } from '../src/events.ts'
import { Limit } from '../src/limit.ts'
import { Retry } from '../src/retry.ts'
import { type RetryOptions, retrySchema } from '../src/retry-rule.ts'

type Answer = () => unknown

interface Scene {
  readonly clock: VirtualClock
  /** When which attempt began, by the clock. */
  readonly began: number[]
  readonly budget: Budget
  /** Every attempt does what comes next in the script, and the last for ever. */
  call(script: readonly Answer[], args?: readonly unknown[]): Promise<unknown>
  abort(reason: unknown): void
}

const fail = (error: unknown) => (): never => {
  throw error
}
const answer = (result: unknown) => (): unknown => result
const broken = fail(new Error('broken'))

/** Waits are the longest that chance allows, as long as nobody says otherwise. */
const scene = (
  options: RetryOptions | number = {},
  { random = (): number => 1, total = Number.POSITIVE_INFINITY, left = Number.POSITIVE_INFINITY } = {},
): Scene => {
  const clock = new VirtualClock()
  const rule = retrySchema.parse(options)
  const budget = new Budget(clock, rule.budget)
  const leftOf = (): number => left - clock.elapsed()
  const retry = new Retry(rule, { at: 'x', kind: calls, clock, random, budget, total, leftOf })
  const began: number[] = []
  const limit = new Limit()
  return {
    clock,
    began,
    budget,
    abort: (reason) => limit.abort(reason),
    call: (script, args = []) => {
      const own = calls.limited({ name: 'x', args, signal: new AbortController().signal }, limit)
      return retry.run(own, async () => script[Math.min(began.push(clock.elapsed()), script.length) - 1]?.())
    },
  }
}

/** What a promise came to. */
const ended = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

const watch = (): { readonly events: Retried[]; [Symbol.dispose](): void } => {
  const events: Retried[] = []
  const end = retried.subscribe((event) => events.push(event))
  return { events, [Symbol.dispose]: end }
}

describe('retry', () => {
  it('calls again until something comes, after longer and longer waits', async () => {
    const { clock, began, call } = scene({ attempts: 4, delay: '100ms', max: '500ms' })
    const result = call([broken, broken, broken, broken, answer('there')])
    await clock.advance(10_000)
    assert.equal(await result, 'there')
    assert.deepEqual(began, [0, 300, 800, 1300, 1800])
    assert.equal(clock.pending, 0)
  })

  it('gives the last outcome when the attempts are used up', async () => {
    const { clock, began, call } = scene(2)
    const errors = [new Error('1'), new Error('2'), new Error('3')]
    const result = ended(call(errors.map(fail)))
    await clock.advance(10_000)
    assert.equal(await result, errors[2])
    assert.equal(began.length, 3)
  })

  it('returns what came at once, and sets no timer', async () => {
    const { clock, began, call } = scene()
    assert.equal(await call([answer(7)]), 7)
    assert.equal(began.length, 1)
    assert.equal(clock.pending, 0)
  })

  const isAgain: readonly (readonly [string, Answer, boolean])[] = [
    ['an error', broken, true],
    ['what is thrown and no error', fail('text'), true],
    ['an attempt that took too long', fail(new TimeoutError('x', 5)), true],
    ['an open circuit', fail(new BreakerOpenError('x', 5)), false],
    ['a result', answer({ status: 200, headers: {} }), false],
    ['a result that is not found', answer({ status: 404, headers: {} }), false],
    ['a result that is a failure', answer({ status: 503, headers: {} }), true],
    ['a result that asks for patience', answer({ status: 429, headers: {} }), true],
    ['a method that the other side does not know', answer({ status: 501, headers: {} }), false],
    ['an error of a client library about a bad request', fail({ response: { status: 400 } }), false],
    ['an error of a client library about a bad gateway', fail({ response: { status: 502 } }), true],
    ['an error with a status of its own', fail(Object.assign(new Error('no'), { statusCode: 422 })), false],
    ['a result that is no answer', answer({ status: 'paid' }), false],
    ['nothing', answer(undefined), false],
  ]
  for (const [what, first, again] of isAgain) {
    it(`${again ? 'tries' : 'does not try'} again after ${what}`, async () => {
      const { clock, began, call } = scene({ attempts: 1 })
      const result = ended(call([first, answer('second')]))
      await clock.advance(10_000)
      await result
      assert.equal(began.length, again ? 2 : 1)
    })
  }

  it('asks the rule, which counts attempts from 1, and still obeys an open circuit', async () => {
    const asked: unknown[] = []
    const when: RetryOptions['when'] = (outcome, attempt) => {
      asked.push([outcome, attempt])
      return true
    }
    const { clock, call } = scene({ attempts: 5, when })
    const open = new BreakerOpenError('x', 1)
    const result = ended(call([answer(1), answer(2), fail(open)]))
    await clock.advance(10_000)
    assert.equal(await result, open)
    assert.deepEqual(asked, [
      [{ result: 1 }, 1],
      [{ result: 2 }, 2],
    ])
  })

  it('goes by the statuses where the rule throws', async () => {
    const when = fail(new TypeError('cannot read status of undefined'))
    for (const [first, attempts] of [
      [answer({ status: 200 }), 1],
      [answer('text'), 1],
      [answer({ status: 503 }), 2],
      [broken, 2],
    ] as const) {
      const { clock, began, call } = scene({ attempts: 1, when })
      const result = ended(call([first, answer('second')]))
      await clock.advance(10_000)
      assert.ok(!((await result) instanceof TypeError))
      assert.equal(began.length, attempts)
    }
  })

  it('waits as long as the other side asks, wherever it says so', async () => {
    const asks = (clock: VirtualClock): readonly (readonly [unknown, number])[] => [
      [answer({ status: 503, headers: new Headers({ 'Retry-After': '7' }) }), 7000],
      [answer({ status: 503, headers: { 'retry-after': '7' } }), 7000],
      [fail({ response: { status: 429, headers: { 'retry-after': '3' } } }), 3000],
      [fail({ status: 503, headers: { 'Retry-After': new Date(clock.now() + 9000).toUTCString() } }), 9000],
      [fail(Object.assign(new Error('no'), { retryAfter: 1234 })), 1234],
      [answer({ status: 503, headers: { 'retry-after': 'soon' } }), 0],
    ]
    for (const i of asks(new VirtualClock()).keys()) {
      const { clock, began, call } = scene({ delay: '50ms', max: '50ms' }, { random: () => 0 })
      const [first, wait] = asks(clock)[i] ?? []
      assert(typeof first === 'function')
      const result = call([() => first(), answer('there')])
      await clock.advance(60_000)
      assert.equal(await result, 'there')
      assert.deepEqual(began, [0, Math.max(50, wait ?? 0)])
    }
  })

  it('gives up at once where the other side asks for more than the rule allows', async () => {
    using watched = watch()
    const { began, call } = scene({ maxRetryAfter: '5s' })
    const busy = { status: 503, headers: { 'retry-after': '6' } }
    assert.equal(await call([answer(busy)]), busy)
    assert.equal(began.length, 1)
    assert.deepEqual(watched.events, [
      { at: 'x', attempt: 1, decision: 'asked', wait: undefined, error: undefined },
    ])
  })

  for (const terms of [{ total: 250 }, { left: 250 }]) {
    it(`gives up at once where nobody would wait for the next attempt: ${JSON.stringify(terms)}`, async () => {
      using watched = watch()
      const { began, clock, call } = scene({ delay: '100ms', max: '100ms', attempts: 9 }, terms)
      const result = ended(call([broken]))
      await clock.advance(10_000)
      await result
      assert.deepEqual(began, [0, 100, 200])
      assert.deepEqual(
        watched.events.map(({ decision, wait }) => [decision, wait]),
        [
          ['again', 100],
          ['again', 100],
          ['deadline', undefined],
        ],
      )
    })
  }

  it('ends with its caller, in the middle of a wait, and leaves nothing behind', async () => {
    const { clock, began, call, abort } = scene({ delay: '1s' })
    const reason = new Error('gone')
    const result = ended(call([broken]))
    await clock.advance(10)
    assert.equal(clock.pending, 1)
    abort(reason)
    assert.equal(await result, reason)
    assert.equal(clock.pending, 0)
    await clock.advance(10_000)
    assert.equal(began.length, 1)
  })

  it('does not try again for a caller who is gone', async () => {
    const { clock, began, call, abort } = scene()
    const gone = new Error('gone')
    const result = ended(
      call([
        () => {
          abort(gone)
          throw gone
        },
      ]),
    )
    await clock.advance(10_000)
    assert.equal(await result, gone)
    assert.equal(began.length, 1)
  })

  it('leaves no listener on the signal of a caller who stays', async () => {
    const signal = new AbortController().signal
    let listeners = 0
    const { addEventListener, removeEventListener } = EventTarget.prototype
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof addEventListener>) => {
        listeners++
        Reflect.apply(addEventListener, signal, args)
      },
      removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
        listeners--
        Reflect.apply(removeEventListener, signal, args)
      },
    })
    const clock = new VirtualClock()
    const rule = retrySchema.parse(3)
    const budget = new Budget(clock, rule.budget)
    const retry = new Retry(rule, {
      at: 'x',
      kind: calls,
      clock,
      random: () => 1,
      budget,
      total: 1e6,
      leftOf: undefined,
    })
    const result = ended(retry.run({ name: 'x', args: [], signal }, async () => broken()))
    await settled()
    assert.equal(listeners, 1)
    await clock.advance(100_000)
    await result
    assert.equal(listeners, 0)
  })

  it('lets go of the answers that it does not give', async () => {
    const { clock, call } = scene()
    let cancelled = 0
    const body = new ReadableStream({ cancel: () => void cancelled++ })
    const result = call([answer({ status: 503, headers: {}, body }), answer('there')])
    await clock.advance(10_000)
    assert.equal(await result, 'there')
    assert.equal(cancelled, 1)
  })

  it('lets go of streams wherever clients put them, and survives those that fail then, as those of undici do', async () => {
    const { clock, call } = scene({ attempts: 4 })
    const stream = (): Readable => new Readable({ destroy: (_, done) => done(new Error('aborted')) })
    const [body, data, response] = [stream(), stream(), stream()]
    const result = call([
      answer({ statusCode: 503, headers: {}, body }),
      answer({ status: 503, headers: {}, data }),
      fail(Object.assign(new Error('503'), { response: { status: 503, headers: {}, data: response } })),
      answer('there'),
    ])
    await clock.advance(20_000)
    assert.equal(await result, 'there')
    for (const each of [body, data, response]) {
      assert.ok(each.destroyed)
      assert.ok(each.listenerCount('error') > 0)
    }
  })

  it('leaves alone what is no stream, and gets by with an iterator of no manners', async () => {
    let destroyed = 0
    const row = { destroy: () => void destroyed++ }
    const rude = { [Symbol.asyncIterator]: () => ({ return: () => undefined }) }
    for (const body of [row, rude]) {
      const { clock, call } = scene()
      const result = call([answer({ status: 503, headers: {}, body, data: body }), answer('there')])
      await clock.advance(10_000)
      assert.equal(await result, 'there')
    }
    assert.equal(destroyed, 0)
  })

  const url = 'http://a.example/'
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1)
  }
  const arguments_: readonly (readonly [string, () => readonly unknown[], boolean])[] = [
    ['none', () => [], true],
    ['a URL', () => [url], true],
    ['a POST', () => [url, { method: 'post' }], false],
    ['a PATCH', () => [url, { method: 'PATCH' }], false],
    ['a PUT', () => [url, { method: 'PUT', body: 'text' }], true],
    ['a QUERY', () => [url, { method: 'QUERY', body: new URLSearchParams('a=1') }], true],
    ['a POST in one object', () => [{ url, method: 'POST', data: {} }], false],
    ['a POST with a key', () => [url, { method: 'POST', headers: { 'Idempotency-Key': '1' } }], true],
    [
      'a POST with a key among Headers',
      () => [url, { method: 'POST', headers: new Headers({ 'idempotency-key': '1' }) }],
      true,
    ],
    [
      'a POST with a key among pairs',
      () => [url, { method: 'POST', headers: [['Idempotency-Key', '1']] }],
      true,
    ],
    ['a POST with other fields', () => [url, { method: 'POST', headers: { accept: '*/*' } }], false],
    ['a Request', () => [new Request(url)], true],
    ['a Request with POST', () => [new Request(url, { method: 'POST', body: 'text' })], false],
    ['a Request whose options say POST', () => [new Request(url), { method: 'POST' }], false],
    ['a stream as body', () => [url, { method: 'PUT', body: new ReadableStream() }], false],
    ['a generator as body', () => [url, { method: 'PUT', body: chunks() }], false],
    ['a stream as data', () => [{ url, method: 'PUT', data: process.stdin }], false],
    ['a stream', () => [new ReadableStream()], false],
    ['an iterator', () => [[1, 2].values()], false],
    ['an array', () => [[1, 2], new Set([1]), new Uint8Array(3), null, 7], true],
    ['a blob as body', () => [url, { method: 'PUT', body: new Blob(['text']) }], true],
  ]
  for (const [what, args, again] of arguments_) {
    it(`${again ? 'tries' : 'does not try'} again where the arguments are ${what}`, async () => {
      const { clock, began, call } = scene(1)
      const result = ended(call([broken], args()))
      await clock.advance(10_000)
      await result
      assert.equal(began.length, again ? 2 : 1)
    })
  }

  it('does not send a request twice whose body has been read', async () => {
    const { clock, began, call } = scene({ methods: ['post'] })
    const request = new Request(url, { method: 'POST', body: 'text' })
    const read = async (): Promise<never> => {
      await request.text()
      throw new Error('reset')
    }
    const result = ended(call([read], [request]))
    await clock.advance(10_000)
    await result
    assert.equal(began.length, 1)
  })

  it('tells of each decision', async () => {
    using watched = watch()
    const { clock, call } = scene({ attempts: 1, delay: '10ms', max: '10ms' })
    const error = new Error('broken')
    const result = ended(call([fail(error)]))
    await clock.advance(100)
    await result
    assert.deepEqual(watched.events, [
      { at: 'x', attempt: 1, decision: 'again', wait: 10, error },
      { at: 'x', attempt: 2, decision: 'attempts', wait: undefined, error },
    ])
  })

  it('is never called more often than attempts and budget allow, whatever happens', async () => {
    const outcome = fc.constantFrom<Answer>(
      broken,
      answer(1),
      answer({ status: 503, headers: {} }),
      fail(new BreakerOpenError('x', 1)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ script: fc.array(outcome, { minLength: 1, maxLength: 6 }), pause: fc.nat(2000) }),
          {
            minLength: 1,
            maxLength: 60,
          },
        ),
        fc.record({
          attempts: fc.nat(4),
          ratio: fc.constantFrom(0, 0.1, 0.5),
          minimum: fc.constantFrom(0, 1, 3),
        }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        async (steps, { attempts, ratio, minimum }, chances) => {
          const clock = new VirtualClock()
          const rule = retrySchema.parse({ attempts, budget: { ratio, minimum } })
          const budget = new Budget(clock, rule.budget)
          const random = (): number => chances.next().value ?? 0
          const retry = new Retry(rule, {
            at: 'x',
            kind: calls,
            clock,
            random,
            budget,
            total: Number.POSITIVE_INFINITY,
            leftOf: undefined,
          })
          const runs: number[] = []
          const results: Promise<unknown>[] = []
          for (const { script, pause } of steps) {
            const mine = runs.push(0) - 1
            const call: Call = { name: 'x', args: [], signal: new AbortController().signal }
            results.push(
              ended(
                retry.run(call, async () => {
                  const run = runs[mine] ?? 0
                  runs[mine] = run + 1
                  return script[Math.min(run, script.length - 1)]?.()
                }),
              ),
            )
            await clock.advance(pause)
          }
          await clock.advance(60_000)
          await Promise.all(results)
          for (const count of runs) assert(count >= 1 && count <= attempts + 1)
          const again = runs.reduce((all, count) => all + count - 1, 0)
          const bound = 10 * Math.max(1, minimum) + ratio * runs.length + (minimum * clock.elapsed()) / 1000
          assert(again <= bound + 1e-9)
          if (ratio === 0 && minimum === 0) assert.equal(again, 0)
          assert.equal(clock.pending, 0)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a retry budget', () => {
  it('lets a share of the calls be attempted again when all of them fail', () => {
    const budget = new Budget(new VirtualClock(), { ratio: 0.25, minimum: 0 })
    let again = 0
    for (let i = 0; i < 1000; i++) {
      budget.deposit()
      if (budget.withdraw()) again++
    }
    assert.equal(again, 250)
  })

  it('lets a few be attempted again in each second however few the calls are', async () => {
    const clock = new VirtualClock()
    const budget = new Budget(clock, { ratio: 0, minimum: 2 })
    const drained = (): number => {
      let count = 0
      while (budget.withdraw()) count++
      return count
    }
    assert.equal(drained(), 20)
    await clock.advance(1000)
    assert.equal(drained(), 2)
    await clock.advance(3_600_000)
    assert.equal(drained(), 20)
  })

  it('takes other options while it is in use', () => {
    const budget = new Budget(new VirtualClock(), { ratio: 1, minimum: 5 })
    budget.configure({ ratio: 1, minimum: 0 })
    let count = 0
    while (budget.withdraw()) count++
    assert.equal(count, 10)
  })

  it('is never exceeded in any stretch of time', async () => {
    const step = fc.oneof(
      fc.constant('deposit' as const),
      fc.constant('withdraw' as const),
      fc.integer({ min: 1, max: 5000 }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 200, size: 'max' }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(5),
        async (steps, ratio, minimum) => {
          const clock = new VirtualClock()
          const budget = new Budget(clock, { ratio, minimum })
          // Of each moment how many calls and how many further attempts there were before.
          const history: { at: number; calls: number; again: number }[] = [{ at: 0, calls: 0, again: 0 }]
          let [known, again] = [0, 0]
          for (const what of steps) {
            if (what === 'deposit') {
              known++
              budget.deposit()
            } else if (what === 'withdraw') {
              if (budget.withdraw()) again++
            } else await clock.advance(what)
            const now = clock.elapsed()
            for (const { at, calls: before, again: used } of history) {
              const bound =
                10 * Math.max(1, minimum) + ratio * (known - before) + (minimum * (now - at)) / 1000
              assert(again - used <= bound + 1e-6)
            }
            history.push({ at: now, calls: known, again })
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('a wait', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })

  it('is a number between the shortest and the longest, whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.array(share),
        (one, other, chances) => {
          const backoff = { delay: Math.min(one, other), max: Math.max(one, other) }
          let last = 0
          for (const chance of chances) {
            last = nextWait(backoff, last, chance)
            assert(last >= backoff.delay && last <= backoff.max)
          }
        },
      ),
    )
  })

  it('is never shorter than the other side asks', () => {
    fc.assert(
      fc.property(fc.nat(), share, (asked, chance) => {
        const wait = waitAsAsked({ delay: 50, max: 100 }, asked, chance)
        assert(wait >= asked && wait <= asked + 50)
      }),
    )
  })
})
