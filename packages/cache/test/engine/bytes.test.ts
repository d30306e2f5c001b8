import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cache } from '@millrace/cache'

for (const values of ['frozen', 'cloned', 'shared'] as const) {
  test(`small bytes out of a pool are hits of a memory tier, ${values}`, async () => {
    const cache = new Cache({ values })
    let loads = 0
    const load = (): Buffer => {
      loads++
      return Buffer.from('small')
    }
    for (let i = 0; i < 3; i++) {
      const bytes = await cache.getOrSet('k', load)
      assert.equal(Buffer.from(bytes).toString(), 'small')
    }
    assert.equal(loads, 1)
  })
}
