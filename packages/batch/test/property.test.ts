import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DeadlineError } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import {
  type BatcherOptions,
  BatchFullError,
  BatchResultError,
  BatchStoppedError,
  batcher,
} from '../src/index.ts'

const runs = Number(process.env['MILLRACE_RUNS'] ?? 1) * 1000

class BackEndError extends Error {}
class ItemError extends Error {}
class GoneError extends Error {}

/** What a back end does with one run; a number is milliseconds until it answers. */
type Deed = number | 'throw' | 'reject' | 'hang' | 'short'

interface Ran {
  readonly keys: readonly number[]
  /** How many loads there had been when it began. */
  readonly loads: number
  isOver: boolean
  readonly deed: Deed
  readonly signal: AbortSignal
}

interface Asked {
  readonly key: number
  readonly at: number
  readonly timeout: number
  readonly controller: AbortController
  readonly afterStop: boolean
  isAborted: boolean
  times: number
  how: { readonly value: string } | { readonly error: unknown } | undefined
}

/** Keys from here on have an error of their own; and those from `poison` on spoil their whole batch. */
const faulty = 10
const poison = 12

const deed = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom<Deed>('throw', 'reject', 'hang', 'short') },
)

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant('load'),
      key: fc.nat({ max: 13 }),
      priority: fc.nat({ max: 2 }),
      timeout: fc.constantFrom(5, 50, 5000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('abort'), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pass'), time: fc.nat({ max: 25 }) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('settle') }) },
)

const config = fc.record({
  window: fc.constantFrom<BatcherOptions<number>['window'][]>('tick', 'turn', '3ms', '20ms', {
    max: '20ms',
    target: '40ms',
  }),
  max: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant({ max: 6, target: '15ms' })),
  concurrency: fc.integer({ min: 1, max: 3 }),
  queue: fc.integer({ min: 1, max: 12 }),
  full: fc.constantFrom<('reject' | 'wait')[]>('reject', 'wait'),
  retry: fc.integer({ min: 0, max: 2 }),
  split: fc.boolean(),
  memo: fc.constantFrom(0, 0, 3),
  groups: fc.integer({ min: 1, max: 3 }),
})

describe('whatever the timing, errors, aborts, splits and limits', () => {
  it('every load settles exactly once, with its own result or with an error that is due', async () => {
    await fc.assert(
      fc.asyncProperty(
        config,
        fc.array(deed, { maxLength: 12 }),
        fc.array(step, { maxLength: 60 }),
        fc.option(fc.nat({ max: 60 })),
        async (options, deeds, steps, stopAt) => {
          const { groups, ...rest } = options
          const clock = new VirtualClock()
          const ran: Ran[] = []
          const asked: Asked[] = []
          const most = typeof options.max === 'number' ? options.max : options.max.max
          /** What is thrown in a batch could pass for the back end’s. */
          const wrong: string[] = []
          const expect = (holds: boolean, what: string): void => {
            if (!holds) wrong.push(what)
          }
          let isStopped = false
          let isAllTold = false

          const load = batcher<number, string>(
            (keys, { signal }) => {
              const run: Ran = {
                keys,
                loads: asked.length,
                isOver: false,
                deed: deeds[ran.length] ?? 0,
                signal,
              }
              expect(!isAllTold, 'nothing runs when all have been told')
              ran.push(run)
              const working = ran.filter(({ isOver, signal }) => !isOver && !signal.aborted)
              expect(working.length <= options.concurrency, 'no more at the same time than may')
              expect(keys.length > 0 && keys.length <= most, 'no batch over its size')
              expect(new Set(keys).size === keys.length, 'no key twice')
              expect(
                new Set(keys.map((key) => key % groups)).size === 1,
                'nothing together that is not to be',
              )
              const id = ran.length - 1
              if (run.deed === 'throw') {
                run.isOver = true
                throw new BackEndError('no')
              }
              return new Promise((resolve, reject) => {
                const { deed } = run
                if (deed === 'hang') return
                clock.after(typeof deed === 'number' ? deed : 1, () => {
                  run.isOver = true
                  if (deed === 'reject' || keys.some((key) => key >= poison)) reject(new BackEndError('no'))
                  else if (deed === 'short') resolve([])
                  else resolve(keys.map((key) => (key >= faulty ? new ItemError(`${key}`) : `${key}@${id}`)))
                })
              })
            },
            { ...rest, groupBy: (key) => key % groups, batchTimeout: '100ms', clock, random: () => 0.5 },
          )

          const ask = (key: number, priority: number, timeout: number): void => {
            const controller = new AbortController()
            const one: Asked = {
              key,
              at: clock.elapsed(),
              timeout,
              controller,
              afterStop: isStopped,
              isAborted: false,
              times: 0,
              how: undefined,
            }
            asked.push(one)
            load(key, { priority, timeout: timeout / 1000, signal: controller.signal }).then(
              (value) => {
                one.times++
                one.how ??= { value }
              },
              (error: unknown) => {
                one.times++
                one.how ??= { error }
              },
            )
            if (options.full === 'reject')
              assert.ok(load.inspect().waiting <= options.queue, 'no more wait than may')
          }
          const stop = (): void => {
            isStopped = true
            void load.stop().then(() => {
              isAllTold = true
            })
          }

          for (const [index, each] of steps.entries()) {
            if (index === stopAt) stop()
            if ('key' in each) ask(each.key, each.priority, each.timeout)
            else if ('time' in each) await clock.advance(each.time)
            else if ('which' in each) {
              const one = asked[each.which % Math.max(1, asked.length)]
              if (one === undefined || one.how !== undefined) continue
              one.isAborted = true
              one.controller.abort(new GoneError('gone'))
            } else await settled()
          }
          await clock.advance(20_000)

          for (const [index, { key, at, timeout, afterStop, isAborted, times, how }] of asked.entries()) {
            assert.equal(times, 1, `load ${index} of ${key} settles once`)
            const mine = ran.filter(({ keys }) => keys.includes(key))
            if (how !== undefined && 'value' in how) {
              const [own, id] = how.value.split('@')
              assert.equal(own, `${key}`, 'its own result')
              const by = ran[Number(id)]
              assert.ok(by?.keys.includes(key), 'of a run that it was in')
              assert.ok(options.memo > 0 || Number(by?.loads) > index, 'which began after it')
              assert.ok(!afterStop, 'not after the stop')
              continue
            }
            const error = how?.error
            if (error instanceof GoneError) assert.ok(isAborted)
            else if (error instanceof ItemError) assert.equal(error.message, `${key}`)
            else if (error instanceof DeadlineError)
              assert.ok(
                clock.elapsed() - at >= timeout ||
                  mine.some(({ deed }) => deed === 'hang' || Number(deed) >= 100),
              )
            else if (error instanceof BatchFullError) assert.equal(options.full, 'reject')
            else if (error instanceof BatchStoppedError) assert.ok(afterStop || options.full === 'wait')
            else if (error instanceof BatchResultError) assert.ok(mine.some(({ deed }) => deed === 'short'))
            else {
              assert.ok(error instanceof BackEndError, String(error))
              assert.ok(
                mine.some(
                  ({ keys, deed }) =>
                    deed === 'throw' || deed === 'reject' || keys.some((key) => key >= poison),
                ),
              )
            }
          }
          assert.deepEqual(wrong, [])
          const { waiting, running } = load.inspect()
          assert.deepEqual({ waiting, running }, { waiting: 0, running: 0 })
          assert.equal(clock.pending, 0, 'no timer is left')
        },
      ),
      { numRuns: runs },
    )
  })

  it('halves find the one that spoils a batch, and it alone is told', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat({ max: 500 }), { minLength: 1, maxLength: 60 }),
        fc.nat(),
        fc.nat({ max: 2 }),
        async (keys, bad, retry) => {
          const clock = new VirtualClock()
          const spoilt = keys[bad % keys.length]
          let calls = 0
          const load = batcher<number, number>(
            async (some) => {
              calls++
              if (some.some((key) => key === spoilt)) throw new BackEndError('no')
              return some.map((key) => key * 2)
            },
            { clock, retry, split: true, random: () => 1 },
          )
          const all = load.loadMany(keys)
          await clock.advance(10_000)
          const results = await all
          for (const [index, key] of keys.entries())
            if (key === spoilt) assert.ok(results[index] instanceof BackEndError)
            else assert.equal(results[index], key * 2)
          assert.ok(calls <= retry + 2 * keys.length)
        },
      ),
      { numRuns: runs },
    )
  })

  it('batches are those of a naive model', async () => {
    const burst = fc.record({
      after: fc.nat({ max: 15 }),
      keys: fc.array(fc.nat({ max: 9 }), { maxLength: 12 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(burst, { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 20 }),
        async (bursts, max, window) => {
          const clock = new VirtualClock()
          const batches: { at: number; keys: readonly number[] }[] = []
          const load = batcher<number, number>(
            async (keys) => {
              batches.push({ at: clock.elapsed(), keys })
              return keys
            },
            { clock, max, window: window / 1000, concurrency: 1000 },
          )

          const expected: { at: number; keys: readonly number[] }[] = []
          let waiting: number[] = []
          let closes = 0
          let now = 0
          for (const { after, keys } of bursts) {
            now += after
            if (waiting.length > 0 && closes <= now) {
              expected.push({ at: closes, keys: waiting })
              waiting = []
            }
            for (const key of keys) {
              if (waiting.length === 0) closes = now + window
              if (!waiting.includes(key)) waiting.push(key)
            }
            while (waiting.length >= max) {
              expected.push({ at: now, keys: waiting.slice(0, max) })
              waiting = waiting.slice(max)
            }
          }
          if (waiting.length > 0) expected.push({ at: closes, keys: waiting })

          for (const { after, keys } of bursts) {
            await clock.advance(after)
            for (const key of keys) void load(key)
            await settled()
          }
          await clock.advance(100)
          assert.deepEqual(batches, expected)
        },
      ),
      { numRuns: runs },
    )
  })
})
