import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Call, Deadlines, type Exchange, type Reply, ready, reply } from '@millrace/core'
import { FakeExchange, fakeExchange, scriptedHandler, settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Bulkhead } from '../src/bulkhead.ts'
import { type BulkheadOptions, bulkheadSchema } from '../src/bulkhead-rule.ts'
import { bulkheaded } from '../src/bulkheaded.ts'
import { calls } from '../src/calls.ts'
import { BulkheadFullError, TimeoutError } from '../src/errors.ts'
import { type Held, held } from '../src/events.ts'
import { Limit } from '../src/limit.ts'
import { Queue } from '../src/queue.ts'
import { routes } from '../src/routes.ts'
import type { Strategy } from '../src/strategy.ts'

interface Scene<I> {
  readonly clock: VirtualClock
  readonly bulkhead: Bulkhead
  readonly run: Strategy<I>
}

const callScene = (options: number | BulkheadOptions<Call>): Scene<Call> => {
  const clock = new VirtualClock()
  const rule = bulkheadSchema<Call>().parse(options)
  const bulkhead = new Bulkhead(rule, clock, new Deadlines(clock))
  const run = bulkheaded(rule, { at: 'x', kind: calls, clock, bulkhead })
  return { clock, bulkhead, run }
}

const routeScene = (options: number | BulkheadOptions<Exchange>): Scene<Exchange> => {
  const clock = new VirtualClock()
  const rule = bulkheadSchema<Exchange>().parse(options)
  const bulkhead = new Bulkhead(rule, clock, new Deadlines(clock))
  const run = bulkheaded(rule, {
    at: '/x',
    kind: routes,
    clock,
    bulkhead,
  })
  return { clock, bulkhead, run }
}

/** A call that `abort` ends. */
const call = (...args: readonly unknown[]): Call & { abort(reason: unknown): void } => {
  const limit = new Limit()
  const made = calls.limited({ name: 'x', args, signal: new AbortController().signal }, limit)
  return Object.assign(made, { abort: (reason: unknown) => limit.abort(reason) })
}

/** What a promise came to. */
const ended = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

const watch = (): { readonly events: Held[]; [Symbol.dispose](): void } => {
  const events: Held[] = []
  const end = held.subscribe((event) => events.push(event))
  return { events, [Symbol.dispose]: end }
}

describe('a bulkhead', () => {
  it('lets in as many as may be, and rejects the others at once', async () => {
    const { clock, bulkhead, run } = callScene(2)
    const script = scriptedHandler<Call, string>()
    const results = ['a', 'b', 'c'].map((name) => ended(run(call(name), script.handler)))
    await settled()
    assert.deepEqual(
      script.calls.map(({ input }) => input.args),
      [['a'], ['b']],
    )
    const rejected = await results[2]
    assert(rejected instanceof BulkheadFullError)
    assert.equal(rejected.retryAfter, 1000)
    script.calls[0]?.resolve('done')
    assert.equal(await results[0], 'done')
    assert.equal(bulkhead.active, 1)
    void run(call('d'), script.handler)
    assert.equal(script.calls.length, 3)
    await clock.advance(3_600_000)
    assert.equal(clock.pending, 0)
  })

  it('gives the place back however the work ends', async () => {
    const { bulkhead, run } = callScene(1)
    const error = new Error('broken')
    const ways: readonly (() => Promise<unknown>)[] = [
      async () => 1,
      async () => {
        throw error
      },
      () => {
        throw error
      },
    ]
    for (const way of ways) {
      await ended(run(call(), way))
      assert.equal(bulkhead.active, 0)
    }
  })

  it('lets some wait, in the order in which they came', async () => {
    using watched = watch()
    const { clock, bulkhead, run } = callScene({ concurrency: 1, queue: 2, wait: '5s' })
    const script = scriptedHandler<Call, string>()
    const results = ['a', 'b', 'c', 'd'].map((name) => ended(run(call(name), script.handler)))
    await clock.advance(10)
    assert((await results[3]) instanceof BulkheadFullError)
    assert.equal(bulkhead.waiting, 2)
    for (const i of [0, 1, 2]) {
      script.calls[i]?.resolve(`done ${i}`)
      await clock.advance(10)
    }
    assert.deepEqual(await Promise.all(results.slice(0, 3)), ['done 0', 'done 1', 'done 2'])
    assert.deepEqual(
      script.calls.map(({ input }) => input.args[0]),
      ['a', 'b', 'c'],
    )
    assert.deepEqual(
      watched.events.map(({ outcome, wait }) => [outcome, wait]),
      [
        ['full', 0],
        ['waited', 10],
        ['waited', 20],
      ],
    )
    await clock.advance(3_600_000)
    assert.equal(clock.pending, 0)
  })

  it('lets nobody wait longer than the rule says', async () => {
    const { clock, bulkhead, run } = callScene({ concurrency: 1, queue: 5, wait: '2s' })
    const script = scriptedHandler<Call, string>()
    void run(call('a'), script.handler)
    const late = ended(run(call('b'), script.handler))
    await clock.advance(1999)
    assert.equal(bulkhead.waiting, 1)
    await clock.advance(1)
    assert((await late) instanceof BulkheadFullError)
    assert.equal(bulkhead.waiting, 0)
    script.calls[0]?.resolve('done')
    await settled()
    assert.equal(script.calls.length, 1)
    assert.equal(bulkhead.active, 0)
  })

  it('makes room at once for others when somebody who waits has gone', async () => {
    const { clock, bulkhead, run } = callScene({ concurrency: 1, queue: 1, wait: '1h' })
    const script = scriptedHandler<Call, string>()
    void run(call('a'), script.handler)
    const leaver = call('b')
    const left = ended(run(leaver, script.handler))
    const reason = new Error('gone')
    leaver.abort(reason)
    const result = run(call('c'), script.handler)
    assert.equal(await left, reason)
    script.calls[0]?.resolve('a')
    await settled()
    script.calls[1]?.resolve('c')
    assert.equal(await result, 'c')
    assert.deepEqual(
      script.calls.map(({ input }) => input.args[0]),
      ['a', 'c'],
    )
    assert.equal(bulkhead.active, 0)
    await clock.advance(3_600_000)
    assert.equal(clock.pending, 0)
  })

  it('does not let in who has gone before', async () => {
    const { bulkhead, clock, run } = callScene({ concurrency: 1, queue: 1 })
    const script = scriptedHandler<Call, string>()
    void run(call('a'), script.handler)
    const leaver = call('b')
    const reason = new Error('gone')
    leaver.abort(reason)
    assert.equal(await ended(run(leaver, script.handler)), reason)
    assert.equal(bulkhead.waiting, 0)
    await clock.advance(3_600_000)
    assert.equal(clock.pending, 0)
  })

  it('asks the rule who goes first, and takes 0 for what it cannot say', async () => {
    const priority = ({ args: [said] }: Call): number => {
      if (said === 'throws') throw new Error('cannot tell')
      return Number(said)
    }
    const { run } = callScene({ concurrency: 1, queue: 9, priority })
    const script = scriptedHandler<Call, string>()
    for (const said of [0, -1, 'throws', 5, 'NaN', 5.5]) void run(call(said), script.handler)
    for (let i = 0; i < 6; i++) {
      script.calls[i]?.resolve('done')
      await settled()
    }
    assert.deepEqual(
      script.calls.map(({ input }) => input.args[0]),
      [0, 5.5, 5, 'throws', 'NaN', -1],
    )
  })

  it('has everybody wait in turn where the rule says no number', async () => {
    const priority = ({ args }: Call): number => Reflect.get(args, '0')
    const { run } = callScene({ concurrency: 1, queue: 9, priority })
    const script = scriptedHandler<Call, string>()
    const all = ['first', undefined, 'high', undefined, null, 1, '2']
    for (const said of all) void run(call(said), script.handler)
    for (let i = 0; i < all.length; i++) {
      script.calls[i]?.resolve('done')
      await settled()
    }
    assert.deepEqual(
      script.calls.map(({ input }) => input.args[0]),
      ['first', 1, undefined, 'high', undefined, null, '2'],
    )
  })

  it('tells who is rejected in how long there is likely to be a place', async () => {
    const { clock, run } = callScene({ concurrency: 2, queue: 1 })
    const first = scriptedHandler<Call, string>()
    const known = run(call(), first.handler)
    await clock.advance(400)
    first.calls[0]?.resolve('done')
    await known
    const script = scriptedHandler<Call, string>()
    for (let i = 0; i < 3; i++) void ended(run(call(), script.handler))
    const rejected = await ended(run(call(), script.handler))
    assert(rejected instanceof BulkheadFullError)
    // One waits, and this one would be the second: two places in 400 ms.
    assert.equal(rejected.retryAfter, 400)
  })

  it('holds the place of a route until the last byte', async () => {
    const { bulkhead, run } = routeScene(1)
    const exchange = fakeExchange()
    assert.equal((await run(exchange, async () => reply(200))).status, 200)
    assert.equal(bulkhead.active, 1)
    assert((await ended(run(fakeExchange(), async () => reply(200)))) instanceof BulkheadFullError)
    exchange.finish()
    await settled()
    assert.equal(bulkhead.active, 0)
  })

  it('holds it no longer than the client of a route stays', async () => {
    const { bulkhead, run } = routeScene({ concurrency: 1, queue: 1 })
    const script = scriptedHandler<Exchange, Reply>()
    const exchange = fakeExchange()
    void ended(run(exchange, script.handler))
    const waits = fakeExchange()
    const left = ended(run(waits, script.handler))
    waits.leave()
    assert.equal(await left, waits.signal.reason)
    exchange.leave()
    script.calls[0]?.reject(new Error('the client is gone'))
    await settled()
    assert.equal(bulkhead.active, 0)
  })

  it('passes on a reply that is ready without a wait', () => {
    const { run } = routeScene(1)
    const made = ready(reply(200))
    assert.equal(
      run(new FakeExchange({}), () => made),
      made,
    )
  })

  it('takes other options while work is going on', async () => {
    const { clock, bulkhead, run } = callScene({ concurrency: 1, queue: 3 })
    const script = scriptedHandler<Call, string>()
    for (let i = 0; i < 4; i++) void run(call(i), script.handler)
    assert.equal(script.calls.length, 1)
    bulkhead.configure(bulkheadSchema<Call>().parse({ concurrency: 3, queue: 3 }))
    await settled()
    assert.equal(script.calls.length, 3)
    bulkhead.configure(bulkheadSchema<Call>().parse(1))
    for (const i of [0, 1]) script.calls[i]?.resolve('done')
    await settled()
    assert.equal(script.calls.length, 3)
    script.calls[2]?.resolve('done')
    await settled()
    assert.equal(script.calls.length, 4)
    assert.equal(bulkhead.waiting, 0)
    script.calls[3]?.resolve('done')
    await settled()
    assert.equal(bulkhead.active, 0)
    await clock.advance(3_600_000)
    assert.equal(clock.pending, 0)
  })

  it('does as a simple one would: no place is lost, none is given twice, the queue is bounded', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ does: fc.constant('call' as const), priority: fc.nat(2) }) },
      {
        weight: 4,
        arbitrary: fc.record({ does: fc.constant('end' as const), fails: fc.boolean(), which: fc.nat(9) }),
      },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('abort' as const), which: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('advance' as const), ms: fc.nat(800) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          does: fc.constant('configure' as const),
          limit: fc.integer({ min: 1, max: 4 }),
        }),
      },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.nat(4),
        fc.array(step, { maxLength: 60, size: 'max' }),
        async (concurrency, queue, steps) => {
          const priority = ({ args: [, said] }: Call): number => Number(said)
          const options = { concurrency, queue, wait: '1s', priority }
          const { clock, bulkhead, run } = callScene(options)
          const script = scriptedHandler<Call, number>()
          /** Numbers of the calls, as the model has them. */
          const waiting: { id: number; priority: number; until: number }[] = []
          const active: number[] = []
          const expected: string[] = []
          const seen: string[] = []
          const made: ReturnType<typeof call>[] = []
          let [limit, taken] = [concurrency, 0]
          const letIn = (): void => {
            while (active.length < limit && waiting.length > 0) {
              taken = (taken + 1) % 8
              const top = taken === 0 ? undefined : Math.max(...waiting.map((each) => each.priority))
              const next = waiting.findIndex((each) => top === undefined || each.priority === top)
              for (const { id } of waiting.splice(next, 1)) {
                active.push(id)
                expected.push(`${id} begins`)
              }
            }
          }
          for (const each of steps) {
            if (each.does === 'call') {
              const id = made.push(call(made.length, each.priority)) - 1
              const mine = made[id]
              assert(mine)
              void run(mine, (input) => {
                seen.push(`${id} begins`)
                return script.handler(input)
              }).catch((error: unknown) => {
                if (error instanceof BulkheadFullError) seen.push(`${id} rejected`)
                else if (error === 'gone') seen.push(`${id} gone`)
              })
              if (active.length < limit && waiting.length === 0) {
                active.push(id)
                expected.push(`${id} begins`)
              } else if (waiting.length < queue)
                waiting.push({ id, priority: each.priority, until: clock.elapsed() + 1000 })
              else expected.push(`${id} rejected`)
            } else if (each.does === 'end') {
              const id = active[each.which]
              const running = script.calls.find(({ input }) => input.args[0] === id)
              if (id !== undefined && running) {
                if (each.fails) running.reject(new Error('broken'))
                else running.resolve(id)
                active.splice(each.which, 1)
                letIn()
              }
            } else if (each.does === 'abort') {
              made[each.which]?.abort('gone')
              const at = waiting.findIndex(({ id }) => id === each.which)
              if (at >= 0) {
                waiting.splice(at, 1)
                expected.push(`${each.which} gone`)
              }
            } else if (each.does === 'advance') {
              await clock.advance(each.ms)
              for (const late of waiting.filter(({ until }) => until <= clock.elapsed())) {
                waiting.splice(waiting.indexOf(late), 1)
                expected.push(`${late.id} rejected`)
              }
            } else {
              limit = each.limit
              bulkhead.configure(bulkheadSchema<Call>().parse({ ...options, concurrency: limit }))
              letIn()
            }
            await settled()
            // An aborted call that was at work already has ended by nobody's word but its own.
            assert.deepEqual(seen.toSorted(), expected.toSorted())
            assert.equal(bulkhead.active, active.length)
            assert.equal(bulkhead.waiting, waiting.length)
            assert(bulkhead.waiting <= queue)
          }
          const order = (all: readonly string[]): string[] => all.filter((text) => text.endsWith('begins'))
          assert.deepEqual(order(seen), order(expected))
          for (const { input, resolve } of script.calls) resolve(Number(input.args[0]))
          await clock.advance(5000)
          for (const { resolve } of script.calls) resolve(0)
          await settled()
          for (const { resolve } of script.calls) resolve(0)
          await clock.advance(5000)
          assert.equal(bulkhead.waiting, 0)
          await clock.advance(3_600_000)
          assert.equal(clock.pending, 0)
        },
      ),
      { numRuns: 80 },
    )
  })
})

describe('a queue', () => {
  it('passes nobody over for ever: who is among n is gone after 8 n', () => {
    const queue = new Queue<{ readonly name: string; readonly priority: number }>()
    for (const name of ['a', 'b', 'c']) queue.add({ name, priority: 0 })
    const gone: string[] = []
    for (let i = 0; i < 24; i++) {
      queue.add({ name: 'important', priority: 9 })
      const name = queue.take()?.name
      if (name !== 'important' && name !== undefined) gone.push(name)
    }
    assert.deepEqual(gone, ['a', 'b', 'c'])
  })

  it('is empty when everybody has gone', () => {
    const queue = new Queue<{ readonly priority: number }>()
    const one = { priority: 3 }
    queue.add(one)
    assert.equal(queue.delete(one), true)
    assert.equal(queue.delete(one), false)
    assert.equal(queue.take(), undefined)
    assert.equal(queue.size, 0)
  })
})

describe('a bulkhead that finds out its limit', () => {
  /**
   * A back end that does `capacity` pieces of work at once, each in `service` milliseconds, and lets others wait; and
   * clients that ask for as much as they are let.
   */
  const simulate = async (
    run: Strategy<Call>,
    clock: VirtualClock,
    end: { readonly capacity: number; readonly service: number },
    { clients, ms }: { readonly clients: number; readonly ms: number },
  ): Promise<void> => {
    const until = clock.elapsed() + ms
    let [busy, lines] = [0, [] as (() => void)[]]
    const work = async (): Promise<string> => {
      if (busy < end.capacity) busy++
      else await new Promise<void>((resolve) => lines.push(resolve))
      await new Promise<void>((resolve) => clock.after(end.service, resolve))
      const [next, ...others] = lines
      lines = others
      if (next) next()
      else busy--
      return 'done'
    }
    const client = async (): Promise<void> => {
      while (clock.elapsed() < until) {
        const rejected = await run(call(), work).then(
          () => false,
          () => true,
        )
        if (rejected) await new Promise<void>((resolve) => clock.after(end.service, resolve))
      }
    }
    const all = Promise.all(Array.from({ length: clients }, client))
    await clock.advance(ms + 10_000)
    await all
  }

  it('comes to what the back end can do, and follows it when that becomes less', async () => {
    const { clock, bulkhead, run } = callScene({ concurrency: 4, limit: { min: 2, max: 500 } })
    await simulate(run, clock, { capacity: 30, service: 20 }, { clients: 100, ms: 8000 })
    const found = bulkhead.limit
    assert(found >= 30 && found <= 75, `a limit of ${found} for a back end of 30`)
    await simulate(run, clock, { capacity: 10, service: 20 }, { clients: 100, ms: 8000 })
    const less = bulkhead.limit
    assert(less >= 10 && less < found, `a limit of ${less} for a back end of 10, after ${found}`)
  })

  it('does not grow where there is little to do', async () => {
    const { clock, bulkhead, run } = callScene({ concurrency: 20, limit: { min: 2, max: 500 } })
    await simulate(run, clock, { capacity: 100, service: 20 }, { clients: 5, ms: 10_000 })
    assert.equal(bulkhead.limit, 20)
  })

  it('learns from what took too long, and nothing from other failures', async () => {
    const outcomes: readonly (readonly [unknown, boolean])[] = [
      [new TimeoutError('x', 1000), true],
      [new Error('refused'), false],
    ]
    for (const [error, learns] of outcomes) {
      const { clock, bulkhead, run } = callScene({ concurrency: 40, limit: { min: 2, max: 40 } })
      await simulate(run, clock, { capacity: 40, service: 20 }, { clients: 40, ms: 3000 })
      assert.equal(bulkhead.limit, 40)
      for (let round = 0; round < 5; round++) {
        const script = scriptedHandler<Call, string>()
        for (let i = 0; i < 40; i++) void ended(run(call(), script.handler))
        await clock.advance(1000)
        for (const { reject } of script.calls) reject(error)
        await clock.advance(1000)
      }
      assert.equal(bulkhead.limit < 40, learns)
    }
  })
})
