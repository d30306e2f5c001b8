import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandClock, mapTier, tierContract } from '../src/testing/index.ts'

tierContract((clock) => mapTier({ clock }))

test('a deletion is forgotten after a minute', async () => {
  const clock = new HandClock()
  const tier = mapTier({ clock })
  const old = { key: 'a', frame: new Uint8Array(1), at: clock.now() - 1, expiresAt: Number.POSITIVE_INFINITY }
  await tier.deleteMany(['a'], clock.now())
  clock.move(59_999)
  await tier.setMany([old])
  assert.deepEqual(await tier.getMany(['a']), [undefined])
  clock.move(1)
  await tier.setMany([old])
  assert.deepEqual(await tier.getMany(['a']), [new Uint8Array(1)])
})
