import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Call, Deadlines } from '@millrace/core'
import { type ScriptedCall, scriptedHandler, settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Budget } from '../src/budget.ts'
import { calls } from '../src/calls.ts'
import { BreakerOpenError } from '../src/errors.ts'
import { type Hedged, hedged } from '../src/events.ts'
import { Hedge, HedgedError } from '../src/hedge.ts'
import { type HedgeOptions, hedgeSchema } from '../src/hedge-rule.ts'
import { Limit } from '../src/limit.ts'

interface Scene {
  readonly clock: VirtualClock
  readonly hedge: Hedge
  /** The attempts so far. */
  readonly attempts: readonly ScriptedCall<Call, unknown>[]
  call(...args: readonly unknown[]): Promise<unknown>
  abort(reason: unknown): void
}

const scene = (options: HedgeOptions | string): Scene => {
  const clock = new VirtualClock()
  const rule = hedgeSchema.parse(options)
  const budget = new Budget(clock, rule.budget)
  const hedge = new Hedge(rule, { at: 'x', kind: calls, clock, deadlines: new Deadlines(clock), budget })
  const script = scriptedHandler<Call, unknown>()
  const limit = new Limit()
  return {
    clock,
    hedge,
    attempts: script.calls,
    call: (...args) => {
      const own = calls.limited({ name: 'x', args, signal: new AbortController().signal }, limit)
      return hedge.run(own, script.handler)
    },
    abort: (reason) => limit.abort(reason),
  }
}

/** What a promise came to. */
const ended = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

const watch = (): { readonly events: Hedged[]; [Symbol.dispose](): void } => {
  const events: Hedged[] = []
  const end = hedged.subscribe((event) => events.push(event))
  return { events, [Symbol.dispose]: end }
}

describe('a hedge', () => {
  it('leaves a call alone that is quick enough', async () => {
    const { clock, attempts, call } = scene('100ms')
    const result = call('a')
    await clock.advance(99)
    attempts[0]?.resolve('first')
    assert.equal(await result, 'first')
    await clock.advance(1000)
    assert.equal(attempts.length, 1)
    assert.equal(clock.pending, 0)
  })

  it('makes one that is slow once more, takes what comes first, and tells the other to stop', async () => {
    using watched = watch()
    const { clock, attempts, call } = scene('100ms')
    const result = call('a')
    await clock.advance(100)
    assert.deepEqual(
      attempts.map(({ input }) => [input.name, input.args]),
      [
        ['x', ['a']],
        ['x', ['a']],
      ],
    )
    await clock.advance(30)
    attempts[1]?.resolve('second')
    assert.equal(await result, 'second')
    assert.equal(attempts[1]?.input.signal.aborted, false)
    const stopped = attempts[0]?.input.signal
    assert(stopped?.reason instanceof HedgedError)
    assert.deepEqual(watched.events, [
      { at: 'x', decision: 'sent', after: 100 },
      { at: 'x', decision: 'won', after: 130 },
    ])
    attempts[0]?.reject(stopped.reason)
    await clock.advance(1000)
    assert.equal(clock.pending, 0)
  })

  it('takes the first attempt as well, and tells the second to stop', async () => {
    using watched = watch()
    const { clock, attempts, call } = scene('100ms')
    const result = call()
    await clock.advance(150)
    attempts[0]?.resolve('first')
    assert.equal(await result, 'first')
    assert(attempts[1]?.input.signal.aborted)
    assert.deepEqual(
      watched.events.map(({ decision }) => decision),
      ['sent'],
    )
  })

  it('passes on an error that comes before there is another attempt: that is for a retry', async () => {
    const { clock, attempts, call } = scene('100ms')
    const error = new Error('broken')
    const result = ended(call())
    attempts[0]?.reject(error)
    assert.equal(await result, error)
    await clock.advance(1000)
    assert.equal(attempts.length, 1)
  })

  const failures: readonly (readonly [string, (attempt: ScriptedCall<Call, unknown> | undefined) => void])[] =
    [
      ['an error', (attempt) => attempt?.reject(new Error('broken'))],
      ['an answer that is a failure', (attempt) => attempt?.resolve({ status: 500, headers: {} })],
    ]
  for (const [what, fail] of failures) {
    for (const [loser, winner] of [
      [0, 1],
      [1, 0],
    ]) {
      it(`waits for the other attempt when attempt ${loser} comes to ${what}`, async () => {
        const { clock, attempts, call } = scene('100ms')
        const result = call()
        await clock.advance(100)
        fail(attempts[loser ?? 0])
        await settled()
        attempts[winner ?? 0]?.resolve('there')
        assert.equal(await result, 'there')
      })
    }
  }

  it('gives the first outcome when all attempts fail, whichever was last', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { clock, attempts, call } = scene('100ms')
      const result = ended(call())
      await clock.advance(100)
      const errors = [new Error('of the first'), new BreakerOpenError('x', 1)]
      for (const i of order) {
        attempts[i]?.reject(errors[i])
        await settled()
      }
      assert.equal(await result, errors[0])
    }
  })

  it('lets go of answers that nobody gets', async () => {
    const { clock, attempts, call } = scene({ after: '100ms', attempts: 2 })
    let cancelled = 0
    const answer = (status: number): unknown => ({
      status,
      headers: {},
      body: new ReadableStream({ cancel: () => void cancelled++ }),
    })
    const result = call()
    await clock.advance(200)
    attempts[0]?.resolve(answer(500))
    await settled()
    assert.equal(cancelled, 0)
    attempts[1]?.resolve(answer(200))
    await result
    assert.equal(cancelled, 1)
    attempts[2]?.resolve(answer(200))
    await settled()
    assert.equal(cancelled, 2)
  })

  it('makes as many attempts as the rule says, each after another while', async () => {
    const { clock, attempts, call } = scene({ after: '100ms', attempts: 2 })
    void call()
    const counts: number[] = []
    for (let i = 0; i < 4; i++) {
      await clock.advance(100)
      counts.push(attempts.length)
    }
    assert.deepEqual(counts, [2, 3, 3, 3])
  })

  it('makes no other attempt for a caller who is gone, and passes on that they are', async () => {
    const { clock, attempts, call, abort } = scene('100ms')
    const result = ended(call())
    const reason = new Error('gone')
    abort(reason)
    assert.equal(attempts[0]?.input.signal.reason, reason)
    await clock.advance(1000)
    assert.equal(attempts.length, 1)
    attempts[0]?.reject(reason)
    assert.equal(await result, reason)
  })

  it('tells both attempts when the caller goes', async () => {
    const { clock, attempts, call, abort } = scene('100ms')
    const result = ended(call())
    await clock.advance(100)
    abort('gone')
    for (const { input, reject } of attempts) {
      assert(input.signal.aborted)
      reject(input.signal.reason)
    }
    assert.equal(await result, 'gone')
  })

  it('makes no other attempt with what cannot be used twice', async () => {
    using watched = watch()
    const { clock, attempts, call } = scene('100ms')
    void call('http://a.example/', { method: 'POST' })
    await clock.advance(1000)
    assert.equal(attempts.length, 1)
    assert.deepEqual(watched.events, [{ at: 'x', decision: 'arguments', after: 100 }])
  })

  it('hedges no more of the calls than its budget allows', async () => {
    using watched = watch()
    const { clock, attempts, call } = scene({ after: '100ms', budget: { ratio: 0.1, minimum: 0 } })
    for (let i = 0; i < 200; i++) void call()
    await clock.advance(100)
    // What is saved up at most.
    assert.equal(attempts.length, 210)
    assert.equal(watched.events.filter(({ decision }) => decision === 'budget').length, 190)
  })

  it('waits for as long as most attempts take, once it knows how long that is', async () => {
    const { clock, hedge, attempts, call } = scene({ quantile: 0.8, budget: 1 })
    assert.equal(hedge.delay, undefined)
    for (let i = 0; i < 100; i++) {
      const result = call()
      await clock.advance(i % 10 === 9 ? 500 : 20)
      for (const { resolve } of attempts) resolve('there')
      await result
    }
    const { delay = 0 } = hedge
    assert(delay >= 20 && delay <= 22, `${delay}`)
    const before = attempts.length
    void call()
    await clock.advance(Math.floor(delay))
    assert.equal(attempts.length, before + 1)
    await clock.advance(1)
    assert.equal(attempts.length, before + 2)
  })

  it('waits no shorter than the rule says', async () => {
    const { clock, hedge, attempts, call } = scene({ min: '50ms' })
    for (let i = 0; i < 30; i++) {
      const result = call()
      await clock.advance(2)
      attempts[i]?.resolve('there')
      await result
    }
    assert.equal(hedge.delay, 50)
  })

  it('settles each call once and tells every loser to stop, whatever comes in whatever order', async () => {
    const step = fc.oneof(
      fc.record({ does: fc.constant('wait' as const), ms: fc.nat(150) }),
      fc.record({ does: fc.constant('end' as const), which: fc.nat(3), ok: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { maxLength: 12 }),
        async (most, steps) => {
          const { clock, attempts, call } = scene({ after: '100ms', attempts: most })
          const outcomes: unknown[] = []
          void call().then(
            (value) => outcomes.push(value),
            (error: unknown) => outcomes.push(error),
          )
          const over = new Set<number>()
          // Those that were under way when there was a result.
          let losers: readonly number[] = []
          let expected: number | undefined
          const end = (which: number, ok: boolean): void => {
            const attempt = attempts[which]
            if (attempt === undefined || over.has(which)) return
            over.add(which)
            if (ok) attempt.resolve(which)
            else attempt.reject(which)
            if (expected !== undefined) return
            if (ok) expected = which
            else if (over.size === attempts.length) expected = 0
            if (expected !== undefined) losers = [...attempts.keys()].filter((i) => !over.has(i))
          }
          for (const each of [...steps, { does: 'wait' as const, ms: 1000 }]) {
            if (each.does === 'wait') await clock.advance(each.ms)
            else end(each.which, each.ok)
            await settled()
            assert.deepEqual(outcomes, expected === undefined ? [] : [expected])
            assert(attempts.length <= most + 1)
            for (const [i, { input }] of attempts.entries())
              assert.equal(input.signal.aborted, losers.includes(i))
          }
          for (const i of attempts.keys()) end(i, false)
          await clock.advance(1000)
          assert.equal(outcomes.length, 1)
          assert.equal(clock.pending, 0)
        },
      ),
    )
  })
})
