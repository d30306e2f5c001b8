/** What users of DataLoader and of glide-mq asked for, or stumbled over, by the numbers of their issues. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { settled } from '@millrace/testing'
import { batcher } from '../src/index.ts'
import { scene } from './batches.ts'

describe('dataloader', () => {
  it('#58: a window of a time spans ticks', async () => {
    const { clock, load, keys } = scene({ window: '10ms' })
    for (const key of [1, 2, 3]) {
      void load(key)
      await clock.advance(3)
    }
    await clock.advance(10)
    assert.deepEqual(keys, [[1, 2, 3]])
  })

  it('#150: loads that come after work of their own go together', async () => {
    const { clock, load, batches, keys } = scene({ window: '5ms' })
    const resolveAfter = async (key: number, work: () => Promise<unknown>): Promise<number> => {
      await work()
      return load(key)
    }
    const all = Promise.all([
      resolveAfter(1, () => Promise.resolve()),
      resolveAfter(2, () => readFile(import.meta.filename)),
      resolveAfter(3, () => settled()),
    ])
    while (load.inspect().waiting < 3) await settled()
    await clock.advance(5)
    batches[0]?.answer()
    assert.deepEqual(await all, [10, 20, 30])
    assert.equal(keys.length, 1)
  })

  it('#276: at the leaves of a tree whose levels are loaded one by one, each level is one batch', async () => {
    const { clock, load, batches, keys } = scene({ window: '5ms', max: 100 })
    // What is above the leaves comes back at different times.
    const leaf = async (branch: number): Promise<readonly number[]> => {
      for (let i = 0; i < branch; i++) await settled()
      return Promise.all([load(branch), load(branch + 10)])
    }
    const tree = Promise.all([1, 2, 3].map(leaf))
    while (load.inspect().waiting < 6) await settled()
    await clock.advance(5)
    batches[0]?.answer()
    assert.deepEqual(await tree, [
      [10, 110],
      [20, 120],
      [30, 130],
    ])
    assert.deepEqual(keys, [[1, 11, 2, 12, 3, 13]])
  })

  it('#349: who awaits one after the other goes with others who do the same', async () => {
    const asked: (readonly number[])[] = []
    const load = batcher(async (keys: readonly number[]) => {
      asked.push(keys)
      return keys
    })
    const visit = async (from: number): Promise<void> => {
      await load(from)
      await load(from + 1)
    }
    await Promise.all([visit(10), visit(20), visit(30)])
    assert.deepEqual(asked, [
      [10, 20, 30],
      [11, 21, 31],
    ])
  })

  it('#60: async functions around a load, however deep, are in the same tick', async () => {
    const { load, batches, keys } = scene()
    const deep = async (depth: number): Promise<number> => (depth === 0 ? load(7) : deep(depth - 1))
    const after = async (depth: number): Promise<number> => {
      for (let i = 0; i < depth; i++) await undefined
      return load(depth)
    }
    const all = Promise.all([deep(20), after(1), after(50)])
    await settled()
    batches[0]?.answer()
    assert.deepEqual(await all, [70, 10, 500])
    assert.equal(keys.length, 1)
  })

  it('#243, #113, #222: what is remembered opens no window and waits for no batch', async () => {
    const { clock, load, batches } = scene({ window: '10ms', memo: 10 })
    load.prime(1, 11)
    assert.equal(await load(1), 11)
    assert.equal(clock.pending, 0)
    void load(2)
    assert.equal(await load(1), 11)
    await clock.advance(10)
    assert.equal(await load(1), 11)
    assert.deepEqual(
      batches.map(({ keys }) => keys),
      [[2]],
    )
  })

  it('#318: a function that throws at once is an error of the loads, not of the process', async () => {
    const load = batcher<number, number>(() => {
      throw new RangeError('at once')
    })
    const [one, two] = await load.loadMany([1, 2])
    assert.ok(one instanceof RangeError && two === one)
  })

  it('#321: a batch has a bound unless another one is given', async () => {
    const sizes: number[] = []
    const load = batcher(async (keys: readonly number[]) => {
      sizes.push(keys.length)
      return keys
    })
    await load.loadMany(Array.from({ length: 2500 }, (_, key) => key))
    assert.deepEqual(sizes, [1000, 1000, 500])
  })
})

describe('glide-mq', () => {
  it('#105: who aborts one item of a batch does not abort the others', async () => {
    const { load, batches } = scene()
    const controller = new AbortController()
    const one = load(1, { signal: controller.signal })
    const two = load(2, { signal: new AbortController().signal })
    await settled()
    controller.abort(new RangeError('one'))
    await assert.rejects(one, RangeError)
    assert.equal(batches[0]?.signal.aborted, false)
    batches[0]?.answer()
    assert.equal(await two, 20)
  })
})
