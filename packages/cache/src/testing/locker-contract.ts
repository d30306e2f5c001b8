import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Locker } from '../tier.ts'

export interface LockerUnderTest {
  readonly name: string
  /** A new medium for each test, and two processes on it. */
  open(): Promise<{ readonly lockers: readonly [Locker, Locker]; close(): Promise<void> }>
}

/** Longer than any test. */
const long = 100_000

/** The behaviour that every locker has in common: run it from the locker's own tests. */
export const lockerContract = ({ name, open }: LockerUnderTest): void => {
  describe(`locker contract: ${name}`, () => {
    test('one of many gets the lock, and the next one when it is released', async () => {
      const { lockers, close } = await open()
      const [a, b] = lockers
      const locks = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).acquire('k', long)),
      )
      const [lock, ...others] = locks.filter((one) => one !== undefined)
      assert.equal(others.length, 0)
      await lock?.release()
      const next = await a.acquire('k', long)
      assert.ok(next)
      await next.release()
      await close()
    })

    test('the token grows with each holder', async () => {
      const { lockers, close } = await open()
      let last = Number.NEGATIVE_INFINITY
      for (let round = 0; round < 10; round++) {
        for (const locker of lockers) {
          const lock = await locker.acquire('k', long)
          assert.ok(lock && lock.token > last)
          last = lock.token
          await lock.release()
        }
      }
      await close()
    })

    test('keys know nothing of each other, whatever they are called', async () => {
      const { lockers, close } = await open()
      const keys = ['', 'k', 'k}', '}k', '{k}', 'k:k', 'é', '*']
      const locks = await Promise.all(keys.map((key) => lockers[0].acquire(key, long)))
      assert.ok(locks.every((lock) => lock !== undefined))
      for (const key of keys) assert.equal(await lockers[1].acquire(key, long), undefined)
      await Promise.all(locks.map((lock) => lock?.release()))
      for (const key of keys) await (await lockers[1].acquire(key, long))?.release()
      await close()
    })

    test('whoever waits is told of the release', async () => {
      const { lockers, close } = await open()
      const [a, b] = lockers
      for (let round = 0; round < 5; round++) {
        const lock = await a.acquire('k', long)
        assert.ok(lock)
        const waits = [b.released('k', long), b.released('k', long), a.released('k', long)]
        // Before or after the waiters have arrived: neither may be missed.
        if (round % 2 === 0) await b.acquire('k', long)
        await lock.release()
        await Promise.all(waits)
      }
      await close()
    })

    test('there is nothing to wait for when nobody holds it', async () => {
      const { lockers, close } = await open()
      await lockers[0].released('k', long)
      await close()
    })

    test('whoever waits gives up in time, and the holder keeps the lock', async () => {
      const { lockers, close } = await open()
      const lock = await lockers[0].acquire('k', long)
      await lockers[1].released('k', 20)
      assert.equal(await lockers[1].acquire('k', long), undefined)
      await lock?.release()
      await close()
    })

    test('a lock that is not released expires, and its late release harms nobody', async () => {
      const { lockers, close } = await open()
      const [a, b] = lockers
      const dead = await a.acquire('k', 30)
      assert.ok(dead)
      let next = await b.acquire('k', long)
      while (next === undefined) {
        await b.released('k', long)
        next = await b.acquire('k', long)
      }
      assert.ok(next.token > dead.token)
      await dead.release()
      assert.equal(await a.acquire('k', long), undefined)
      await next.release()
      await close()
    })
  })
}
