import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '@millrace/core'
import { faulty, settled } from '@millrace/testing'
import fc from 'fast-check'
import { type Entry, memory, type TierFailed, tierFailed } from '../src/index.ts'
import { counting, scene } from './ask.ts'

const entry = (bytes: number, fields: readonly string[] = []): Entry => ({
  status: 200,
  fields,
  body: new Uint8Array(bytes),
  storedAt: 0,
  expiresAt: 1,
})

interface Held {
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
}

const held = (store: { inspect(): unknown }): Held => {
  const shown: Held = JSON.parse(JSON.stringify(store.inspect()))
  return shown
}

describe('memory', () => {
  it('gives back what was put, until it is deleted', async () => {
    const store = memory()
    const kept = entry(3)
    await store.set('a', kept)
    assert.equal(await store.get('a'), kept)
    assert.equal(await store.get('b'), undefined)
    await store.delete('a')
    await store.delete('b')
    assert.equal(await store.get('a'), undefined)
    assert.deepEqual(held(store), { entries: 0, bytes: 0, maxBytes: 64 * 1024 * 1024 })
  })

  it('never holds more than it may, whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            key: fc.string({ maxLength: 6 }),
            bytes: fc.nat(6000),
            fields: fc.array(fc.string({ maxLength: 50 }), { maxLength: 4 }),
            forget: fc.boolean(),
          }),
          { maxLength: 60 },
        ),
        async (commands) => {
          const store = memory({ maxSize: '16kb' })
          for (const { key, bytes, fields, forget } of commands) {
            if (forget) await store.delete(key)
            else await store.set(key, entry(bytes, fields))
            const { bytes: total, maxBytes } = held(store)
            assert.ok(total <= maxBytes && maxBytes === 16_384)
          }
          let real = 0
          for (const key of new Set(commands.map(({ key }) => key))) {
            const found = await store.get(key)
            if (found) real += found.body.byteLength + found.fields.join('').length + key.length
          }
          assert.ok(real <= held(store).bytes)
        },
      ),
    )
  })

  it('forgets what was not asked for longest', async () => {
    const store = memory({ maxSize: '4kb' })
    for (const key of ['a', 'b', 'c']) await store.set(key, entry(700))
    await store.get('a')
    await store.set('d', entry(700))
    assert.deepEqual(
      await Promise.all(['a', 'b', 'c', 'd'].map(async (key) => Boolean(await store.get(key)))),
      [true, false, true, true],
    )
  })

  it('does not take what is larger than all of it, and forgets what was there', async () => {
    const store = memory({ maxSize: '4kb' })
    await store.set('a', entry(10))
    await store.set('b', entry(10))
    await store.set('a', entry(5000))
    assert.equal(await store.get('a'), undefined)
    assert.equal((await store.get('b'))?.body.byteLength, 10)
  })

  it('counts empty bodies and long keys', async () => {
    const store = memory({ maxSize: '64kb' })
    for (let i = 0; i < 10_000; i++) await store.set(`${i}`.padStart(1000, '0'), entry(0))
    assert.ok(held(store).entries < 64)
  })

  it('says which size it expects', () => {
    for (const [maxSize, shown] of [
      ['64 litres', '"64 litres"'],
      [0, '0'],
      [-1, '-1'],
      [Number.NaN, 'NaN'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
      ['', '""'],
    ] as const) {
      assert.throws(() => memory({ maxSize }), {
        name: 'RangeError',
        message: `memory({ maxSize }): expected a size such as "64mb" or 1048576 (bytes), got ${shown}`,
      })
    }
  })

  it('bounds the cache that is kept in it', async () => {
    const { ask } = scene('1h', { tiers: [memory({ maxSize: '64kb' })] })
    const { handler, runs } = counting(() => reply(200, {}, 'x'.repeat(10_000)))
    for (let i = 0; i < 50; i++) await ask({ url: `/${i}`, handler })
    assert.equal((await ask({ url: '/49', handler })).ran, false)
    assert.equal((await ask({ url: '/0', handler })).ran, true)
    assert.equal(runs(), 51)
  })
})

describe('a store that fails', () => {
  it('is gone around, and said to have failed', async (t) => {
    const heard: TierFailed[] = []
    t.after(tierFailed.subscribe((event) => heard.push(event)))
    const { near: _, ...far } = memory()
    const store = faulty(far)
    const { ask } = scene('1h', { tiers: [store.port] })
    const { handler } = counting()
    assert.equal((await ask({ handler })).body, 'run 1')
    store.set('throw', 'get')
    assert.equal((await ask({ handler })).body, 'run 2')
    store.set('throw', 'set')
    assert.equal((await ask({ url: '/b', handler })).body, 'run 3')
    await settled()
    store.set('none')
    assert.equal((await ask({ handler })).body, 'run 2')
    assert.deepEqual(
      heard.map(({ tier, operation }) => `${tier} ${operation}`),
      ['memory get', 'memory get', 'memory set'],
    )
  })

  it('may throw where it should reject', async (t) => {
    const heard: unknown[] = []
    t.after(tierFailed.subscribe(({ operation, error }) => heard.push([operation, error])))
    const error = new Error('not connected')
    const fail = (): never => {
      throw error
    }
    const { ask } = scene('1h', { tiers: [{ ...memory(), get: fail, set: fail }] })
    assert.equal((await ask()).body, 'ok')
    await settled()
    assert.deepEqual(heard, [
      ['get', error],
      ['set', error],
    ])
  })
})
