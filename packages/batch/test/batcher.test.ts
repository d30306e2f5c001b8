import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, it } from 'node:test'
import { ConfigError, DeadlineError } from '@millrace/core'
import { settled } from '@millrace/testing'
import {
  type BatcherOptions,
  BatchFullError,
  BatchResultError,
  BatchStoppedError,
  batcher,
  type Dispatched,
  dispatched,
  type ItemSettled,
  itemSettled,
  type Refused,
  refused,
} from '../src/index.ts'
import { scene } from './batches.ts'

const double = async (keys: readonly number[]): Promise<readonly number[]> => keys.map((key) => key * 2)

describe('a window', () => {
  it('of a tick takes what is asked for before the next one', async () => {
    const { load, keys } = scene()
    void load(1)
    for (let i = 0; i < 10; i++) await Promise.resolve()
    void load(2)
    await settled()
    assert.deepEqual(keys, [[1, 2]])
  })

  it('of a turn takes what the I/O of that turn asks for', async () => {
    const { load, keys } = scene({ window: 'turn' })
    void load(1)
    await new Promise((resolve) => process.nextTick(resolve))
    await new Promise((resolve) => process.nextTick(resolve))
    void load(2)
    await settled()
    assert.deepEqual(keys, [[1, 2]])
  })

  it('of a time begins with the first load', async () => {
    const { clock, load, batches } = scene({ window: '5ms' })
    void load(1)
    await clock.advance(4)
    void load(2)
    assert.equal(batches.length, 0)
    await clock.advance(1)
    void load(3)
    await clock.advance(5)
    assert.deepEqual(
      batches.map(({ keys, at }) => [keys, at]),
      [
        [[1, 2], 5],
        [[3], 10],
      ],
    )
  })

  it('is over when a batch is full', async () => {
    const { load, keys } = scene({ window: '1m', max: 2 })
    for (const key of [1, 2, 3]) void load(key)
    await settled()
    assert.deepEqual(keys, [[1, 2]])
  })

  it('that adapts follows the latency', async () => {
    const { clock, load, batches } = scene({ window: { max: '16ms', target: '20ms' } })
    const windows: unknown[] = []
    for (const took of [1, 1, 1, 30, 1]) {
      void load(took)
      await clock.advance(16)
      await clock.advance(took)
      batches.at(-1)?.answer()
      await settled()
      windows.push(load.inspect().window)
    }
    // The wait counts: each time the clock had gone on by 16 ms before.
    assert.deepEqual(windows, [1, 2, 3, 1.5, 2.5])
  })
})

describe('a batch', () => {
  it('has each key once, and everybody who asked for it is told', async () => {
    const { load, batches } = scene()
    const all = Promise.all([load(1), load(2), load(1)])
    await settled()
    assert.deepEqual(batches[0]?.keys, [1, 2])
    batches[0]?.answer()
    assert.deepEqual(await all, [10, 20, 10])
  })

  it('takes keys for the same by what key says', async () => {
    const asked: unknown[] = []
    const load = batcher(
      async (some: readonly { id: number }[]) => {
        asked.push(...some)
        return some.map(({ id }) => `city ${id}`)
      },
      { key: ({ id }) => id },
    )
    assert.deepEqual(await Promise.all([load({ id: 1 }), load({ id: 1 })]), ['city 1', 'city 1'])
    assert.equal(asked.length, 1)
  })

  it('joins only what waits: a key that is on its way already is asked for anew', async () => {
    const { load, batches, keys } = scene()
    void load(1)
    await settled()
    const later = load(1)
    await settled()
    assert.deepEqual(keys, [[1], [1]])
    batches[1]?.answer([7])
    assert.equal(await later, 7)
  })

  it('tells apart what went well, what failed and what is not there', async () => {
    const load = batcher<number, number | undefined>(async () => [
      1,
      new RangeError('no such key'),
      undefined,
    ])
    const [one, two, three] = await load.loadMany([1, 2, 3])
    assert.equal(one, 1)
    assert.ok(two instanceof RangeError)
    assert.equal(three, undefined)
  })

  it('with another number of results than keys is everybody’s error, and is not tried again', async () => {
    const table: readonly (readonly [answer: unknown, got: RegExp])[] = [
      [[1], /expected an array of 2 results, one for each item in order, got 1$/],
      [[1, 2, 3], /got 3$/],
      [undefined, /got undefined$/],
      [{ length: 2 }, /got object$/],
    ]
    for (const [answer, message] of table) {
      let runs = 0
      const load = batcher<number, number>(
        () => {
          runs++
          return Promise.resolve(JSON.parse(JSON.stringify({ answer })).answer)
        },
        { retry: 3, split: true },
      )
      for (const error of await load.loadMany([1, 2])) {
        assert.ok(error instanceof BatchResultError)
        assert.match(error.message, message)
      }
      assert.equal(runs, 1)
    }
  })

  it('holds only what groupBy says goes together', async () => {
    const { load, keys } = scene({ groupBy: (key) => key % 2 })
    for (const key of [1, 2, 3, 4]) void load(key)
    await settled()
    assert.deepEqual(keys, [
      [1, 3],
      [2, 4],
    ])
  })

  it('groups are found again, whatever groupBy says and in whatever order they end', async () => {
    const { clock, load, keys } = scene({
      window: '5ms',
      groupBy: (key) => (key % 2 === 0 ? undefined : 'odd'),
    })
    const controller = new AbortController()
    void load(2)
    load(1, { signal: controller.signal }).catch(() => undefined)
    controller.abort()
    await clock.advance(2)
    void load(4)
    await clock.advance(10)
    assert.deepEqual(keys, [[2, 4]])
  })

  it('is no larger than max, however many there are', async () => {
    const { load, keys } = scene({ max: 2 })
    for (const key of [1, 2, 3, 4, 5]) void load(key)
    await settled()
    assert.deepEqual(keys, [[1, 2], [3, 4], [5]])
  })

  it('takes the more urgent first, and the same priority in order', async () => {
    const { load, batches, keys } = scene({ max: 2, concurrency: 1 })
    const priorities = [0, 1, 0, 2, 1]
    for (const [key, priority] of priorities.entries()) void load(key, { priority })
    void load(2, { priority: 3 })
    await settled()
    for (let i = 0; i < 3; i++) {
      batches[i]?.answer()
      await settled()
    }
    assert.deepEqual(keys, [[2, 3], [1, 4], [0]])
  })

  it('of the more urgent group goes first', async () => {
    const { load, batches, keys } = scene({ groupBy: (key) => key % 3, concurrency: 1 })
    void load(0)
    void load(1)
    void load(2, { priority: 1 })
    for (let i = 0; i < 3; i++) {
      await settled()
      batches[i]?.answer()
    }
    await settled()
    // The first had gone when there was nothing else.
    assert.deepEqual(keys, [[0], [2], [1]])
  })

  it('whose function throws at once fails like any other', async () => {
    const load = batcher<number, number>(() => {
      throw new RangeError('no')
    })
    await assert.rejects(load(1), RangeError)
  })
})

describe('limits', () => {
  it('no more batches run at the same time than concurrency says, and those that wait fill up meanwhile', async () => {
    const { load, batches, keys } = scene({ concurrency: 1 })
    void load(1)
    await settled()
    void load(2)
    await settled()
    void load(3)
    await settled()
    assert.deepEqual(keys, [[1]])
    batches[0]?.answer()
    await settled()
    assert.deepEqual(keys, [[1], [2, 3]])
  })

  it('who comes when the queue is full is refused, but not for a key that is in it', async () => {
    const { load, batches } = scene({ queue: 2 })
    const first = load(1)
    void load(2)
    await assert.rejects(load(3), BatchFullError)
    const same = load(1)
    await settled()
    batches[0]?.answer()
    assert.deepEqual(await Promise.all([first, same]), [10, 10])
    assert.equal(load.inspect().refused, 1)
  })

  it('or waits for room', async () => {
    const { load, batches, keys } = scene({ queue: 2, max: 2, concurrency: 1, full: 'wait' })
    const all = load.loadMany([1, 2, 3, 4, 5, 3])
    for (let i = 0; i < 3; i++) {
      await settled()
      batches[i]?.answer()
    }
    assert.deepEqual(await all, [10, 20, 30, 40, 50, 30])
    // Outside it is not looked for what is the same: the first 3 is on its way already.
    assert.deepEqual(keys, [
      [1, 2],
      [3, 4],
      [5, 3],
    ])
  })

  it('who waits for room may leave, and waits no longer than anybody', async () => {
    const { clock, load, keys, batches } = scene({
      queue: 1,
      concurrency: 1,
      full: 'wait',
      batchTimeout: '1h',
    })
    const controller = new AbortController()
    void load(1, { timeout: '1h' })
    await settled()
    void load(2, { timeout: '1h' })
    const gone = load(3, { signal: controller.signal })
    const late = load(4, { timeout: '1s' })
    void load(5, { timeout: '1h' })
    controller.abort(new RangeError('gone'))
    await assert.rejects(gone, RangeError)
    const told = assert.rejects(late, DeadlineError)
    await clock.advance(1000)
    await told
    for (const index of [0, 1, 2]) {
      batches[index]?.answer()
      await settled()
    }
    assert.deepEqual(keys, [[1], [2], [5]])
  })

  it('room that somebody leaves is given to who waits for it', async () => {
    const { load, batches, keys } = scene({ queue: 1, concurrency: 1, full: 'wait' })
    const controller = new AbortController()
    void load(1)
    await settled()
    load(2, { signal: controller.signal }).catch(() => undefined)
    void load(3)
    controller.abort()
    assert.equal(load.inspect().waiting, 1)
    batches[0]?.answer()
    await settled()
    assert.deepEqual(keys, [[1], [3]])
  })

  it('an item waits no longer than its time, a batch that is under way is left alone', async () => {
    const { clock, load, batches } = scene({ batchTimeout: '1m' })
    const short = load(1, { timeout: '1s' })
    const long = load(2)
    const told = assert.rejects(short, DeadlineError)
    await clock.advance(1000)
    await told
    assert.equal(batches[0]?.signal.aborted, false)
    batches[0]?.answer()
    assert.equal(await long, 20)
  })

  it('a run that takes too long is given up, and its place with it', async () => {
    const { clock, load, batches } = scene({ concurrency: 1, batchTimeout: '1s' })
    const hung = assert.rejects(load(1), DeadlineError)
    await settled()
    const next = load(2)
    await clock.advance(1000)
    await hung
    assert.ok(batches[0]?.signal.reason instanceof DeadlineError)
    batches[1]?.answer()
    batches[0]?.answer()
    assert.equal(await next, 20)
  })
})

it('a function that empties the list of its keys has not answered for them', async () => {
  const load = batcher<number, number>((keys) => {
    if (Array.isArray(keys)) keys.length = 0
    return []
  })
  await assert.rejects(load(1), BatchResultError)
})

describe('an abort', () => {
  for (const window of ['tick', 'turn'] as const) {
    it(`of all that a ${window} had leaves no time behind for who comes later`, async () => {
      const { clock, load, batches } = scene({ window, timeout: '30s' })
      const controller = new AbortController()
      const left = load(1, { signal: controller.signal })
      controller.abort(new RangeError('gone'))
      await assert.rejects(left, { name: 'RangeError' })
      await clock.advance(60_000)
      const later = load(2)
      await settled()
      await clock.advance(9_000)
      batches[0]?.answer()
      assert.equal(await later, 20)
    })
  }

  it('ends the waiting of one, not that of others, nor the batch', async () => {
    const { load, batches } = scene()
    const controller = new AbortController()
    const gone = load(1, { signal: controller.signal })
    const same = load(1)
    const other = load(2)
    await settled()
    controller.abort(new RangeError('gone'))
    await assert.rejects(gone, RangeError)
    assert.equal(batches[0]?.signal.aborted, false)
    batches[0]?.answer()
    assert.deepEqual(await Promise.all([same, other]), [10, 20])
  })

  it('of all aborts the batch', async () => {
    const { load, batches } = scene()
    const controllers = [new AbortController(), new AbortController()]
    const gone = controllers.map(({ signal }, key) => assert.rejects(load(key, { signal }), RangeError))
    await settled()
    controllers[0]?.abort(new RangeError('gone'))
    assert.equal(batches[0]?.signal.aborted, false)
    controllers[1]?.abort(new RangeError('gone too'))
    assert.equal(batches[0]?.signal.reason.message, 'gone too')
    batches[0]?.fail(new Error('aborted'))
    await Promise.all(gone)
  })

  it('of who waits takes it out, and of all of them the batch', async () => {
    const { clock, load, keys } = scene({ window: '5ms' })
    const controller = new AbortController()
    const gone = load(1, { signal: controller.signal })
    controller.abort(new RangeError('gone'))
    await assert.rejects(gone, RangeError)
    assert.equal(clock.pending, 0)
    await clock.advance(10)
    assert.deepEqual(keys, [])
    await assert.rejects(load(1, { signal: controller.signal }), RangeError)
  })

  it('of all in a tick leaves no batch of nothing', async () => {
    const { load, keys } = scene()
    const controller = new AbortController()
    load(1, { signal: controller.signal }).catch(() => undefined)
    controller.abort()
    await settled()
    assert.deepEqual(keys, [])
    assert.equal(load.inspect().batches, 0)
  })

  it('leaves nothing on a signal that lives on', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const counted = new Proxy(signal, {
      get(target, name) {
        if (name === 'addEventListener') listeners++
        if (name === 'removeEventListener') listeners--
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const load = batcher(double)
    await Promise.all([load(1, { signal: counted }), load(2, { signal: counted })])
    assert.equal(listeners, 0)
  })
})

describe('a batch that fails as a whole', () => {
  it('is everybody’s error', async () => {
    const { load, batches } = scene()
    const all = load.loadMany([1, 2])
    await settled()
    batches[0]?.fail('no')
    const [one, two] = await all
    assert.ok(one instanceof Error && one.cause === 'no' && two instanceof Error)
  })

  it('is tried again, after twice as long each time', async () => {
    const { clock, load, batches } = scene({ retry: { attempts: 4, delay: '100ms', max: '300ms' } })
    const loading = load(1)
    for (let i = 0; i < 4; i++) {
      await settled()
      batches[i]?.fail(new RangeError('no'))
      await clock.advance(i < 2 ? 100 * 2 ** i : 300)
    }
    batches[4]?.answer()
    assert.equal(await loading, 10)
    assert.deepEqual(
      batches.map(({ at }) => at),
      [0, 100, 300, 600, 900],
    )
  })

  it('only if the rule says so', async () => {
    const seen: unknown[] = []
    const { clock, load, batches } = scene({
      retry: {
        attempts: 5,
        delay: 0,
        when: (error, attempt) => {
          seen.push([error, attempt])
          return error === 'busy'
        },
      },
    })
    const loading = assert.rejects(load(1), (error) => error === 'wrong')
    for (const error of ['busy', 'wrong']) {
      await settled()
      batches.at(-1)?.fail(error)
      await clock.advance(0)
    }
    await loading
    assert.deepEqual(seen, [
      ['busy', 1],
      ['wrong', 2],
    ])
  })

  it('is not tried again for those who have left', async () => {
    const { clock, load, batches, keys } = scene({ retry: { delay: '1s' } })
    const controller = new AbortController()
    const gone = assert.rejects(load(1, { signal: controller.signal }))
    const stays = load(2)
    await settled()
    batches[0]?.fail(new RangeError('no'))
    await settled()
    controller.abort()
    await clock.advance(1000)
    batches[1]?.answer()
    await Promise.all([gone, stays])
    assert.deepEqual(keys, [[1, 2], [2]])
  })

  it('nor at all when all have left, and its place is free at once', async () => {
    const { load, batches, keys } = scene({ concurrency: 1, retry: { delay: '1h', max: '2h' } })
    const controller = new AbortController()
    const gone = assert.rejects(load(1, { signal: controller.signal }))
    await settled()
    batches[0]?.fail(new RangeError('no'))
    await settled()
    void load(2)
    controller.abort()
    await gone
    await settled()
    assert.deepEqual(keys, [[1], [2]])
  })

  it('is run in halves if the rule says so', async () => {
    const run: (readonly number[])[] = []
    const load = batcher<number, number>(
      async (keys) => {
        run.push(keys)
        if (keys.includes(3)) throw new RangeError('three')
        return double(keys)
      },
      { split: (error) => error instanceof RangeError },
    )
    const [one, two, three, four] = await load.loadMany([1, 2, 3, 4])
    assert.deepEqual([one, two, four], [2, 4, 8])
    assert.ok(three instanceof RangeError)
    assert.deepEqual(run, [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]])
  })

  it('whose rule throws is told so to everybody', async () => {
    const rule = (): boolean => {
      throw new TypeError('the rule')
    }
    for (const options of [{ split: rule }, { retry: { when: rule } }] satisfies BatcherOptions<number>[]) {
      const load = batcher<number, number>(() => Promise.reject(new RangeError('no')), options)
      for (const error of await load.loadMany([1, 2])) assert.ok(error instanceof TypeError)
    }
  })
})

describe('stop', () => {
  it('runs what was accepted at once, and takes no more', async () => {
    const { load, batches } = scene({ window: '1m' })
    const accepted = load(1)
    const stopped = load.stop()
    await assert.rejects(load(2), BatchStoppedError)
    await settled()
    batches[0]?.answer()
    assert.equal(await accepted, 10)
    await stopped
    assert.equal(batches.length, 1)
  })

  it('tries nothing again, and tells who waits for room', async () => {
    const { load, batches } = scene({ concurrency: 1, queue: 1, full: 'wait', retry: 5 })
    const running = assert.rejects(load(1), RangeError)
    await settled()
    batches[0]?.fail(new RangeError('no'))
    await settled()
    const queued = assert.rejects(load(2), RangeError)
    const outside = assert.rejects(load(3), BatchStoppedError)
    const stopped = load.stop()
    await settled()
    batches[1]?.fail(new RangeError('no'))
    await Promise.all([running, queued, outside, stopped])
    assert.equal(batches.length, 2)
  })

  it('is over at once where there is nothing', async () => {
    await scene().load.stop()
  })
})

describe('the memo', () => {
  it('is empty unless it is asked for', async () => {
    let runs = 0
    const load = batcher<number, number>((keys) => {
      runs++
      return double(keys)
    })
    await load.prime(1, 5)(1)
    await load(1)
    assert.equal(runs, 2)
  })

  it('joins who asks for what is on its way, and answers at once from then on', async () => {
    const { load, batches, keys } = scene({ memo: 10 })
    const first = load(1)
    await settled()
    const second = load(1)
    await settled()
    batches[0]?.answer()
    assert.deepEqual([await first, await second, await load(1)], [10, 10, 10])
    assert.deepEqual(keys, [[1]])
  })

  it('forgets failures, what is cleared, and the oldest of too many', async () => {
    const { load, batches, keys } = scene({ memo: 2 })
    const get = async (key: number, ...results: readonly (number | Error)[]): Promise<unknown> => {
      const loading = load(key).catch((error: unknown) => error)
      await settled()
      batches.at(-1)?.answer(results)
      return loading
    }
    assert.ok((await get(1, new RangeError('no'))) instanceof RangeError)
    assert.equal(await get(1, 11), 11)
    await get(2, 12)
    await get(3, 13)
    await get(1, 14)
    load.clear(1)
    await get(1, 15)
    load.clearAll()
    await get(3, 16)
    assert.deepEqual(keys, [[1], [1], [2], [3], [1], [1], [3]])
  })

  it('can be given values', async () => {
    const { load } = scene({ memo: 2 })
    assert.equal(await load.prime(1, 5).prime(1, 6)(1), 5)
  })

  it('does not hold on to what everybody has left', async () => {
    const { load, batches } = scene({ memo: 2 })
    const controller = new AbortController()
    load(1, { signal: controller.signal }).catch(() => undefined)
    controller.abort()
    const again = load(1)
    await settled()
    batches[0]?.answer()
    assert.equal(await again, 10)
  })
})

describe('what is around', () => {
  it('each caller goes on in its own context; the batch runs in that of the batcher', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const load = context.run('made', () =>
      batcher((keys: readonly number[]) => {
        seen.push(context.getStore())
        return double(keys)
      }),
    )
    const ask = (name: string, key: number): Promise<unknown> =>
      context.run(name, async () => {
        await load(key)
        return context.getStore()
      })
    assert.deepEqual(await Promise.all([ask('a', 1), ask('b', 2)]), ['a', 'b'])
    assert.deepEqual(seen, ['made'])
  })

  it('events tell of batches, items and refusals', async () => {
    const batches: Dispatched[] = []
    const items: ItemSettled[] = []
    const refusals: Refused[] = []
    const ends = [
      dispatched.subscribe((event) => batches.push(event)),
      itemSettled.subscribe((event) => items.push(event)),
      refused.subscribe((event) => refusals.push(event)),
    ]
    const {
      clock,
      load,
      batches: asked,
    } = scene({ name: 'cities', window: '4ms', queue: 3, retry: { delay: '10ms' } })
    const all = load.loadMany([1, 2, 3, 4])
    await clock.advance(4)
    asked[0]?.fail(new RangeError('no'))
    await clock.advance(10)
    await clock.advance(5)
    asked[1]?.answer([1, new RangeError('two'), JSON.parse('{}').none])
    await all
    await settled()
    for (const end of ends) end()
    assert.deepEqual(batches, [
      {
        name: 'cities',
        keys: [1, 2, 3],
        size: 3,
        why: 'window',
        wait: 4,
        duration: 15,
        retries: 1,
        splits: 0,
        errors: 1,
        misses: 1,
        abandoned: 0,
      },
    ])
    assert.deepEqual(
      items.map(({ key, outcome, wait, duration }) => [key, outcome, wait, duration]),
      [
        [1, 'ok', 4, 15],
        [2, 'error', 4, 15],
        [3, 'miss', 4, 15],
      ],
    )
    assert.deepEqual(refusals, [{ name: 'cities', key: 4, why: 'full' }])
    assert.deepEqual(load.inspect(), {
      waiting: 0,
      running: 0,
      max: 1000,
      window: 4,
      batches: 1,
      items: 3,
      retries: 1,
      splits: 0,
      errors: 1,
      misses: 1,
      abandoned: 0,
      refused: 1,
    })
  })

  it('a size that adapts is in what an operator sees', async () => {
    const load = batcher(double, { max: { min: 2, max: 100, target: '1s' } })
    for (let i = 0; i < 50; i++) await load.loadMany([1, 2, 3, 4, 5, 6, 7, 8])
    assert.ok(load.inspect().max > 2)
  })

  it('mistakes are named', () => {
    const table: readonly (readonly [options: object, message: RegExp])[] = [
      [{ window: 'soon' }, /^batcher\(\{ window \}\): expected "tick", "turn", a duration/],
      [{ max: 0 }, /^batcher\(\{ max \}\): .*expected number to be >=1/],
      [{ max: { min: 5, max: 4, target: 1 } }, /^batcher\(\{ max \}\)/],
      [{ timeout: Number.POSITIVE_INFINITY }, /^batcher\(\{ timeout \}\): expected a duration that ends/],
      [{ maximum: 5 }, /^batcher\(\): Unrecognized key: "maximum"/],
      [{ retry: { delay: '2s', max: '1s' } }, /^batcher\(\{ retry/],
    ]
    for (const [options, message] of table)
      assert.throws(
        () => batcher(double, options),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
  })

  it('what tells keys or groups apart may throw: it is that load’s error', async () => {
    const say = (key: number): unknown => {
      if (key === 1) throw new TypeError('one')
      return key
    }
    for (const options of [{ key: say }, { groupBy: say }]) {
      const load = batcher(double, options)
      const [one, two] = await load.loadMany([1, 2])
      assert.ok(one instanceof TypeError)
      assert.equal(two, 4)
    }
  })
})
