import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { type Call, definePlugin, millrace } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { z } from 'zod'
import { type BreakerCallRule, breaker, timedOut } from '../src/index.ts'

const runs = Number(process.env['MILLRACE_RUNS'] ?? 1)

/** Something further out that may end a call: its rule is a signal. */
const ending = () =>
  definePlugin({
    name: 'ending',
    stage: 'gather',
    rule: z.strictObject({ signal: z.custom<() => AbortSignal>() }),
    call:
      ({ signal }) =>
      (call, next) =>
        next({ name: call.name, args: call.args, signal: signal() }),
  })

interface Attempt {
  readonly call: Call
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

const scene = (rule: BreakerCallRule, ender?: () => AbortSignal) => {
  const clock = new VirtualClock()
  const mill = millrace({ plugins: [breaker({ random: () => 0 }), ending()], clock })
  const attempts: Attempt[] = []
  const run = mill.wrap(
    'x',
    function (this: Call) {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      attempts.push({ call: this, resolve, reject })
      return promise
    },
    { breaker: rule, ...(ender && { ending: { signal: ender } }) },
  )
  /** What it came to, in a word; empty as long as it has not. */
  const ask = () => {
    const asked = { came: '' }
    run().then(
      (result) => {
        asked.came = String(result)
      },
      (error: unknown) => {
        asked.came = error instanceof Error ? error.name : String(error)
      },
    )
    return asked
  }
  const window = () => mill.breaker.states()[0]?.window
  return { clock, mill, attempts, ask, window }
}

describe('together', () => {
  it('each attempt of a retry counts (jaseci #7909), and an open circuit ends it', async () => {
    const { clock, attempts, ask, window, mill } = scene({ retry: 5, trip: { consecutive: 4 } })
    const first = ask()
    for (let i = 0; i < 3; i++) {
      await settled()
      attempts[i]?.reject(new Error('no'))
      await clock.advance(2000)
    }
    assert.equal(window()?.failures, 3)
    attempts[3]?.reject(new Error('no'))
    await clock.advance(2000)
    assert.equal(first.came, 'BreakerOpenError')
    assert.equal(attempts.length, 4)
    assert.equal(mill.breaker.states()[0]?.state, 'open')
  })

  it('the total holds for all attempts, and is told once', async (t) => {
    const scopes: string[] = []
    t.after(timedOut.subscribe(({ scope, limit }) => scopes.push(`${scope} ${limit}`)))
    const { clock, attempts, ask, window } = scene({
      retry: { attempts: 9, delay: '100ms', max: '100ms' },
      timeout: { attempt: '300ms', total: '1s' },
    })
    const asked = ask()
    await clock.advance(999)
    assert.equal(asked.came, '')
    await clock.advance(1)
    assert.equal(asked.came, 'TimeoutError')
    assert.deepEqual(scopes, ['attempt 300', 'attempt 300', 'total 1000'])
    assert.equal(attempts.length, 3)
    assert.ok(attempts.every(({ call }) => call.signal.aborted))
    // What was still at work when the time was over has failed as well.
    assert.deepEqual(window(), { total: 3, failures: 3, slow: 0 })
    await clock.advance(10_000)
    assert.equal(clock.pending, 0)
    assert.equal(scopes.length, 3)
  })

  it('waiting for a place is part of the total', async () => {
    const { clock, attempts, ask } = scene({
      bulkhead: { concurrency: 1, queue: 5, wait: '1m' },
      timeout: '1s',
    })
    const first = ask()
    await clock.advance(600)
    const second = ask()
    await clock.advance(300)
    attempts[0]?.resolve('one')
    await settled()
    assert.equal(first.came, 'one')
    assert.equal(attempts.length, 2)
    await clock.advance(699)
    assert.equal(second.came, '')
    await clock.advance(1)
    assert.equal(second.came, 'TimeoutError')
    const third = ask()
    await settled()
    attempts[2]?.resolve('three')
    await settled()
    assert.equal(third.came, 'three')
  })

  it('who waits for a place and is late leaves the queue', async () => {
    const { clock, mill, attempts, ask } = scene({
      bulkhead: { concurrency: 1, queue: 5, wait: '1m' },
      timeout: '1s',
    })
    ask()
    const all = [ask(), ask()]
    const { bulkheads } = mill.inspect().plugins['breaker'] as { bulkheads: unknown }
    assert.deepEqual(bulkheads, { x: { active: 1, waiting: 2, limit: 1 } })
    await clock.advance(1000)
    assert.deepEqual(
      all.map(({ came }) => came),
      ['TimeoutError', 'TimeoutError'],
    )
    assert.equal(attempts.length, 1)
  })

  it('a fallback answers for what the others rejected', async () => {
    const { clock, attempts, ask } = scene({
      timeout: '1s',
      trip: { consecutive: 1 },
      fallback: { value: 'instead' },
    })
    const late = ask()
    await clock.advance(1000)
    assert.equal(late.came, 'instead')
    assert.ok(attempts[0]?.call.signal.aborted)
    const open = ask()
    await settled()
    assert.equal(open.came, 'instead')
    assert.equal(attempts.length, 1)
  })

  it('the loser of a hedge says nothing, though it never ends', async () => {
    const { clock, attempts, ask, window } = scene({ hedge: '100ms' })
    const asked = ask()
    await clock.advance(100)
    assert.equal(attempts.length, 2)
    attempts[1]?.resolve('second')
    await settled()
    assert.equal(asked.came, 'second')
    assert.ok(attempts[0]?.call.signal.aborted)
    assert.deepEqual(window(), { total: 1, failures: 0, slow: 0 })
    attempts[0]?.reject(new Error('stopped'))
    await settled()
    assert.deepEqual(window(), { total: 1, failures: 0, slow: 0 })
  })

  it('a probe whose caller is gone gives its permit back, whatever it does (resilience4j #1568, #2093)', async () => {
    let controller = new AbortController()
    const { clock, attempts, ask, mill } = scene(
      { trip: { consecutive: 1 }, reset: '1s', probes: { count: 1, within: '1h' } },
      () => controller.signal,
    )
    const state = (): unknown => mill.breaker.states()[0]?.state
    ask()
    attempts[0]?.reject(new Error('no'))
    await clock.advance(1000)
    ask()
    assert.equal(attempts.length, 2)
    const refused = ask()
    await settled()
    assert.equal(refused.came, 'BreakerOpenError')
    controller.abort(new Error('nobody waits'))
    assert.equal(state(), 'half-open')
    controller = new AbortController()
    ask()
    assert.equal(attempts.length, 3)
    attempts[2]?.resolve('ok')
    await settled()
    assert.equal(state(), 'closed')
  })

  it('a probe of which nothing is heard is given up (resilience4j maxWaitInHalfOpen)', async () => {
    const { clock, attempts, ask, mill } = scene({
      trip: { consecutive: 1 },
      reset: '1s',
      probes: { within: '5s' },
    })
    ask()
    attempts[0]?.reject(new Error('no'))
    await clock.advance(1000)
    ask()
    await clock.advance(4999)
    assert.equal(mill.breaker.states()[0]?.state, 'half-open')
    await clock.advance(1)
    assert.equal(mill.breaker.states()[0]?.state, 'open')
    await clock.advance(2000)
    ask()
    attempts[2]?.resolve('ok')
    await settled()
    assert.equal(mill.breaker.states()[0]?.state, 'closed')
  })

  it('no listener stays on a signal that outlives the calls (cockatiel #69)', async () => {
    const { signal } = new AbortController()
    const listeners = (): number => getEventListeners(signal, 'abort').length
    const { clock, attempts, ask } = scene({ timeout: '1s', retry: 1, bulkhead: 100 }, () => signal)
    for (let i = 0; i < 10; i++) {
      ask()
      if (i % 2 === 0) attempts[i]?.resolve('ok')
    }
    assert.ok(listeners() > 0)
    await clock.advance(60_000)
    assert.equal(listeners(), 0)
    assert.equal(clock.pending, 0)
  })

  it('the reason of a caller’s abort is what the call ends with (cockatiel #112)', async () => {
    const controller = new AbortController()
    const { attempts, ask, window } = scene({ timeout: '1s' }, () => controller.signal)
    const asked = ask()
    attempts[0]?.call.signal.addEventListener('abort', () =>
      attempts[0]?.reject(attempts[0].call.signal.reason),
    )
    controller.abort(new RangeError('enough'))
    await settled()
    assert.equal(asked.came, 'RangeError')
    assert.deepEqual(window(), { total: 0, failures: 0, slow: 0 })
  })
})

describe('whatever callers do', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ do: 'ask' as const, with: 0 }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('resolve' as const), with: fc.nat(20) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('reject' as const), with: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), with: fc.nat(20) }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('advance' as const), with: fc.constantFrom(1, 60, 400) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('configure' as const), with: fc.nat(3) }) },
  )
  const rules: readonly BreakerCallRule[] = [
    { trip: { minimum: 3, window: '1s' }, reset: '300ms', probes: 2, timeout: '200ms' },
    { trip: { consecutive: 2 }, reset: 0, probes: 1, timeout: '1s', bulkhead: { concurrency: 2, queue: 2 } },
    { trip: { window: { calls: 4 } }, reset: '100ms', probes: 3, hedge: '50ms' },
    {
      trip: { minimum: 2 },
      reset: '50ms',
      retry: { delay: '10ms' },
      timeout: { attempt: '100ms', total: '350ms' },
    },
  ]

  it('every call ends once, in time, no more probes are out than may be, and all heals', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.array(step, { maxLength: 60, size: 'max' }), async (first, script) => {
        const clock = new VirtualClock()
        const tableOf = (which: number) => ({ '**': { breaker: rules[which] ?? {} } })
        const mill = millrace({
          plugins: [breaker({ random: () => 0.5 }), ending()],
          clock,
          calls: tableOf(first),
        })
        const open = new Set<Attempt>()
        const controllers: AbortController[] = []
        let present = first
        let most = rules[first]?.probes
        const signal = (): AbortSignal => {
          const controller = new AbortController()
          controllers.push(controller)
          return controller.signal
        }
        const run = mill.wrap(
          'x',
          function (this: Call) {
            const { promise, resolve, reject } = Promise.withResolvers<unknown>()
            const attempt = { call: this, resolve, reject }
            open.add(attempt)
            const over = (): void => void open.delete(attempt)
            promise.then(over, over)
            // Half of them obey.
            if (open.size % 2 === 0) this.signal.addEventListener('abort', () => reject(this.signal.reason))
            return promise
          },
          { ending: { signal } },
        )
        let asked = 0
        let ended = 0
        const ask = (): void => {
          asked++
          const over = (): void => void ended++
          run().then(over, over)
        }
        for (const { do: what, with: by } of script) {
          const attempt = [...open][by % Math.max(1, open.size)]
          if (what === 'ask') ask()
          else if (what === 'resolve') attempt?.resolve('ok')
          else if (what === 'reject') attempt?.reject(new Error('no'))
          else if (what === 'abort')
            controllers[by % Math.max(1, controllers.length)]?.abort(new Error('gone'))
          else if (what === 'advance') await clock.advance(by)
          else {
            present = by
            mill.configure({ calls: tableOf(by) })
          }
          await settled()
          const [circuit] = mill.breaker.states()
          if (circuit?.probes === undefined) most = rules[present]?.probes ?? 1
          else {
            const { out, successes, failures } = circuit.probes
            most = Math.max(Number(most), Number(rules[present]?.probes ?? 1))
            assert.ok(out + successes + failures <= most)
          }
        }
        for (const { resolve } of open) resolve('ok')
        await clock.advance(60_000)
        assert.equal(ended, asked)
        assert.equal(clock.pending, 0)
        const { bulkheads } = mill.inspect().plugins['breaker'] as {
          bulkheads: Record<string, { active: number; waiting: number }>
        }
        for (const { active, waiting } of Object.values(bulkheads)) assert.equal(active + waiting, 0)
        for (let i = 0; i < 30; i++) {
          ask()
          await settled()
          for (const { resolve } of open) resolve('ok')
          await clock.advance(60_000)
        }
        for (const circuit of mill.breaker.states()) assert.equal(circuit.state, 'closed')
        assert.equal(ended, asked)
      }),
      { numRuns: 60 * runs },
    )
  })
})
