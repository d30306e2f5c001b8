import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startUpstream } from '@millrace-examples/upstream'

test('serves in turn, fails when told to, and comes back from the dead', async () => {
  await using upstream = await startUpstream({ hands: 1, work: 0 })
  const ask = async (): Promise<[number, unknown]> => {
    const answer = await fetch(upstream.origin)
    return [answer.status, await answer.json()]
  }
  assert.deepEqual(await Promise.all([ask(), ask()]), [
    [200, { served: 1 }],
    [200, { served: 2 }],
  ])
  await upstream.behave({ failing: 1 })
  assert.deepEqual(await ask(), [500, { served: 3 }])
  await upstream.server.kill()
  await assert.rejects(ask())
  await upstream.server.start()
  assert.deepEqual(await ask(), [200, { served: 1 }])
})
