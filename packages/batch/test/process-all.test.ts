import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Outcome, type Processing, type Progress, processAll, progressed } from '@millrace/batch'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'

const turn = settled

/** Moves the clock on until the work is over. */
const drive = async <I, O>(clock: VirtualClock, work: Processing<I, O>, step = 1000): Promise<void> => {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  void work.then(over, over)
  while (!isOver) await clock.advance(step)
}

const range = function* (length: number): Generator<number> {
  for (let i = 0; i < length; i++) yield i
}

const later = async function* (length: number): AsyncGenerator<number> {
  for (let i = 0; i < length; i++) {
    if (i % 7 === 0) await turn()
    yield i
  }
}

describe('processAll', () => {
  test('has an outcome for each item, and a summary of all', async () => {
    const work = processAll(['a', 'b', 'c', 'd'], (item) => {
      if (item === 'b') throw new Error('no b')
      return item.toUpperCase()
    })
    const outcomes = await work.toArray()
    assert.deepEqual(
      outcomes.map(({ index, item, status }) => [index, item, status]),
      [
        [0, 'a', 'fulfilled'],
        [1, 'b', 'rejected'],
        [2, 'c', 'fulfilled'],
        [3, 'd', 'fulfilled'],
      ],
    )
    const { total, done, failed, cursor, isOver, failures } = await work
    assert.deepEqual(
      { total, done, failed, cursor, isOver },
      { total: 4, done: 3, failed: 1, cursor: 4, isOver: true },
    )
    assert.deepEqual(
      failures.map(({ item, reason }) => [item, String(reason)]),
      [['b', 'Error: no b']],
    )
  })

  test('does nothing before it is awaited or read, and is over at once where there is nothing to do', async () => {
    let calls = 0
    const work = processAll([1, 2], () => ++calls)
    await turn()
    assert.equal(calls, 0)
    assert.equal((await work).done, 2)
    assert.equal((await work).done, 2, 'a second await is no second run')
    assert.equal(calls, 2)
    assert.equal((await processAll([], () => 1)).done, 0)
    await assert.rejects(work.toArray(), /from the beginning, once/)
  })

  test('settles every item once, within its limits, from whatever source', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          length: fc.nat(60),
          size: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
          concurrency: fc.integer({ min: 1, max: 5 }),
          attempts: fc.nat(2),
          split: fc.boolean(),
          bad: fc.uniqueArray(fc.nat(59), { maxLength: 6 }),
          kind: fc.constantFrom('array', 'iterable', 'async', 'function'),
          cursor: fc.nat(70),
        }),
        async ({ length, size, concurrency, attempts, split, bad, kind, cursor }) => {
          let running = 0
          let most = 0
          const clock = new VirtualClock()
          const source = {
            array: [...range(length)],
            iterable: range(length),
            async: later(length),
            function: (from: number) => [...range(length)].slice(from),
          }[kind]
          const enter = async (items: readonly number[]): Promise<void> => {
            most = Math.max(most, ++running)
            assert.ok(items.length <= (size ?? 1) && items.length > 0)
            await turn()
            running--
            if (items.some((item) => bad.includes(item))) throw new Error('bad')
          }
          const shared = { concurrency, cursor, clock, retry: { attempts, delay: 1 }, random: () => 0 }
          const work =
            size === undefined
              ? processAll(
                  source,
                  async (item: number) => {
                    await enter([item])
                    return item * 2
                  },
                  shared,
                )
              : processAll(
                  source,
                  async (items: readonly number[]) => {
                    await enter(items)
                    return items.map((item) => item * 2)
                  },
                  { ...shared, size, split },
                )
          const reading = work.toArray()
          await drive(clock, work)
          const outcomes = await reading
          const expected = [...range(length)].slice(cursor)
          assert.deepEqual(
            outcomes.map(({ item }) => item),
            expected,
          )
          assert.deepEqual(
            outcomes.map(({ index }) => index),
            expected,
          )
          for (const outcome of outcomes) {
            if (outcome.status === 'fulfilled') assert.equal(outcome.value, outcome.item * 2)
            // Without halves, who is with a bad one fails with it.
            else if (size === undefined || split) assert.ok(bad.includes(outcome.item))
          }
          for (const item of expected.filter((item) => bad.includes(item)))
            assert.equal(outcomes[item - cursor]?.status, 'rejected')
          assert.ok(most <= concurrency)
          const { done, failed, running: left, hanging, cursor: end } = await work
          assert.deepEqual([done + failed, left, hanging], [expected.length, 0, 0])
          assert.equal(end, Math.max(length, cursor))
        },
      ),
      { numRuns: 60 * Number(process.env['MILLRACE_RUNS'] ?? 1) },
    ))

  test('tries again, as often as it may, and then no more', async () => {
    const clock = new VirtualClock()
    const calls = new Map<number, number>()
    const work = processAll(
      [0, 1, 2],
      (item) => {
        const call = (calls.get(item) ?? 0) + 1
        calls.set(item, call)
        if (call <= item) throw new Error(`call ${call}`)
        return call
      },
      { clock, retry: { attempts: 1, delay: '1s' } },
    )
    const reading = work.toArray()
    await drive(clock, work)
    assert.deepEqual(
      (await reading).map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason),
      ),
      [1, 2, 'Error: call 2'],
    )
    assert.equal((await work).retries, 2)
  })

  test('gives up what hangs, tells its worker so, and keeps count of it until it comes back', async () => {
    const clock = new VirtualClock()
    const signals: AbortSignal[] = []
    const back: (() => void)[] = []
    const work = processAll(
      [...range(6)],
      (item, { signal }) => {
        if (item % 2 === 0) return item
        signals.push(signal)
        return new Promise<number>((resolve) => back.push(() => resolve(item)))
      },
      { clock, concurrency: 1, timeout: '1s' },
    )
    await drive(clock, work)
    const { done, failed, hanging, failures } = await work
    assert.deepEqual({ done, failed, hanging }, { done: 3, failed: 3, hanging: 3 })
    assert.ok(failures.every(({ reason }) => reason instanceof Error && reason.name === 'DeadlineError'))
    assert.ok(signals.every(({ aborted }) => aborted))
    for (const come of back) come()
    await turn()
    assert.equal(work.progress.hanging, 0)
    assert.equal(work.progress.done, 3, 'what comes back late changes nothing')
    assert.equal(clock.pending, 0)
  })

  test('goes on from where it was broken off: every item before the cursor is done, and none is left out', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(40),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(40),
        async (length, concurrency, at) => {
          const items = [...range(length)]
          const done: number[] = []
          const aborting = new AbortController()
          const reason = new Error('enough')
          const stop = (item: number): void => {
            if (item === at) aborting.abort(reason)
          }
          const first = processAll(
            items,
            async (item) => {
              for (let i = item % 3; i > 0; i--) await turn()
              stop(item)
              aborting.signal.throwIfAborted()
              done.push(item)
            },
            { concurrency, signal: aborting.signal },
          )
          if (at < length) await assert.rejects(async () => await first, reason)
          else await first
          const { cursor } = first.progress
          for (const item of range(cursor)) assert.ok(done.includes(item), `${item} before ${cursor}`)
          const again: number[] = []
          await processAll(items, (item) => void again.push(item), { cursor })
          assert.deepEqual(again, items.slice(cursor))
        },
      ),
      { numRuns: 60 * Number(process.env['MILLRACE_RUNS'] ?? 1) },
    ))

  test('waits for nobody when it is broken off, and lets go of its source', async () => {
    let isClosed = false
    const source = async function* () {
      try {
        yield 1
        await new Promise(() => undefined)
      } finally {
        isClosed = true
      }
    }
    const aborting = new AbortController()
    const work = processAll(source(), () => new Promise(() => undefined), { signal: aborting.signal })
    const over = assert.rejects(async () => await work, { name: 'AbortError' })
    await turn()
    aborting.abort()
    await over
    const { done, failed, cursor } = work.progress
    assert.deepEqual({ done, failed, cursor }, { done: 0, failed: 0, cursor: 0 })
    const left = processAll(
      (function* () {
        try {
          yield* range(100)
        } finally {
          isClosed = true
        }
      })(),
      (item) => item,
    )
    for await (const { item } of left) if (item === 10) break
    assert.equal(isClosed, true)
    await assert.rejects(async () => await left, /has been stopped/)
    await assert.rejects(
      async () => await processAll([1], () => 1, { signal: AbortSignal.abort(new Error('before')) }),
      /before/,
    )
  })

  test('fails with what its source throws, when what has begun is done', async () => {
    for (const source of [
      (function* () {
        yield 1
        throw new Error('dry')
      })(),
      (async function* () {
        yield 1
        throw new Error('dry')
      })(),
    ]) {
      const work = processAll(source, async (item) => {
        await turn()
        return item
      })
      await assert.rejects(async () => await work, /dry/)
      assert.deepEqual([work.progress.done, work.progress.cursor], [1, 1])
    }
  })

  test('takes no more than its reader can follow', async () => {
    let taken = 0
    const source = function* () {
      for (;;) yield taken++
    }
    let read = 0
    for await (const _ of processAll(source(), (item) => item, { concurrency: 4 })) {
      await turn()
      assert.ok(taken - ++read <= 4 * 4, `${taken} were taken when ${read} were read`)
      if (read === 200) break
    }
  })

  test('finds the size that holds the target', async () => {
    const clock = new VirtualClock()
    const work = processAll(
      range(20_000),
      (items) =>
        new Promise<readonly number[]>((resolve) =>
          clock.after(10 + items.length, () => resolve([...items])),
        ),
      { size: { min: 1, max: 1000, target: '100ms' }, concurrency: 2, clock },
    )
    await drive(clock, work, 50)
    const { size, done } = await work
    assert.equal(done, 20_000)
    assert.ok(size > 50 && size <= 95, `${size}`)
  })

  test('tells of its progress: at most ten times a second, and at the end', async () => {
    const clock = new VirtualClock()
    const told: Progress[] = []
    const published: Progress[] = []
    const deaf = progressed.subscribe((progress) => published.push(progress))
    const work = processAll(
      range(100),
      (item) => new Promise((resolve) => clock.after(30, () => resolve(item))),
      { clock, concurrency: 1, name: 'numbers', onProgress: (progress) => told.push(progress) },
    )
    await drive(clock, work, 10)
    deaf()
    assert.deepEqual(told, published)
    assert.ok(told.length > 10 && told.length <= 31, `${told.length}`)
    const last = told.at(-1)
    assert.deepEqual([last?.name, last?.done, last?.isOver, last?.duration], ['numbers', 100, true, 3000])
    assert.ok(told.every(({ done }, i) => done >= (told[i - 1]?.done ?? 0)))
    const spoilt = processAll([1], () => 1, {
      onProgress: () => {
        throw new Error('spoilt')
      },
    })
    assert.equal((await spoilt).done, 1, 'who is told at the end spoils nothing')
  })

  test('accounts for 100,000 items of which 1 % fail and 0.1 % hang, and holds none of them', async () => {
    setFlagsFromString('--expose-gc')
    const gc: () => void = runInNewContext('gc')
    const clock = new VirtualClock()
    const heaps: number[] = []
    const count = 100_000
    const source = function* () {
      for (let i = 0; i < count; i++) {
        if (i % 20_000 === 10_000) {
          gc()
          heaps.push(process.memoryUsage().heapUsed)
        }
        yield { i, ballast: new Array(16).fill(i) }
      }
    }
    const work = processAll(
      source(),
      ({ i }) => {
        if (i % 1000 === 7) return new Promise<number>(() => undefined)
        if (i % 100 === 3) throw new Error(`no ${i}`)
        return i
      },
      { clock, timeout: '5s' },
    )
    const kinds = { done: 0, failed: 0, late: 0 }
    let sum = 0
    const read = async (): Promise<void> => {
      for await (const outcome of work) {
        sum += outcome.index
        if (outcome.status === 'fulfilled') kinds.done++
        else if (outcome.reason instanceof Error && outcome.reason.name === 'DeadlineError') kinds.late++
        else kinds.failed++
      }
    }
    const reading = read()
    await drive(clock, work)
    await reading
    assert.deepEqual(kinds, { done: 98_900, failed: 1000, late: 100 })
    assert.equal(sum, (count * (count - 1)) / 2)
    const { done, failed, hanging, cursor, failures } = await work
    assert.deepEqual(
      { done, failed, hanging, cursor },
      { done: 98_900, failed: 1100, hanging: 100, cursor: count },
    )
    assert.equal(failures.length, 100)
    const [first = 0, ...others] = heaps
    assert.ok(
      others.every((heap) => heap - first < 4_000_000),
      `${heaps}`,
    )
  })

  test('names what is wrong with its options', () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ concurrency: 0 }, /^processAll\(\{ concurrency \}\)/],
      [{ timeout: 'soon' }, /^processAll\(\{ timeout \}\): expected a duration/],
      [{ size: 0 }, /^processAll\(\{ size \}\)/],
      [{ cursor: -1 }, /^processAll\(\{ cursor \}\)/],
      [{ limit: 1 }, /limit/],
    ]
    for (const [options, message] of wrong)
      assert.throws(() => processAll([], (item) => item, options), { name: 'ConfigError', message })
  })
})

const types = (): void => {
  const single: Processing<number, string> = processAll([1], (item) => String(item))
  const many: Processing<number, string> = processAll([1], (items) => items.map(String), { size: 10 })
  const read = async (): Promise<readonly Outcome<number, string>[]> => single.toArray()
  void [many, read]
}
void types
