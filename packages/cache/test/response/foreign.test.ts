import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Cache, memory } from '../../src/index.ts'
import { mapTier } from '../../src/testing/index.ts'
import { scene } from '../ask.ts'

const whole = {
  kind: 'reply',
  status: 200,
  fields: ['A', 'b'],
  body: Buffer.from('foreign'),
  bornAt: 0,
  swr: 0,
  staleIfError: 0,
}

const values: readonly unknown[] = [
  null,
  'reply',
  { kind: 'reply' },
  { ...whole, status: '200' },
  { ...whole, status: 1e6 },
  { ...whole, status: Number.NaN },
  { ...whole, fields: ['A'] },
  { ...whole, fields: ['A', 1] },
  { ...whole, fields: { a: 'b' } },
  { ...whole, body: 'foreign' },
  { ...whole, bornAt: undefined },
  { ...whole, swr: '1' },
  { ...whole, encodings: 5 },
  { ...whole, encodings: { gzip: 'foreign' } },
  { ...whole, range: 5 },
  { kind: 'vary' },
  { kind: 'vary', names: [1] },
  { kind: 'vary', names: 'accept' },
  { kind: 'language' },
]

/** What is answered where another program has written into the tier. */
const answered = async (value: unknown): Promise<string> => {
  const clock = new VirtualClock()
  const far = mapTier({ clock })
  const other = new Cache({ clock, tiers: [far] }).slots()
  const flight = other.start('http:0:/')
  const end = clock.now() + 60_000
  other.keep(flight, { value, freshUntil: end, staleUntil: end })
  await other.written(flight)
  const { ask } = scene('1m', { tiers: [memory({ clock }), far] })
  const { body } = await ask({ handler: () => reply(200, {}, 'ours') })
  return body
}

describe('what another program has written into a tier', () => {
  it('is served when it is a reply', async () => assert.equal(await answered(whole), 'foreign'))

  for (const value of values) {
    it(`is a miss when it is ${JSON.stringify(value)}`, async () => {
      assert.equal(await answered(value), 'ours')
    })
  }

  it('is a miss, whatever it is', async () => {
    const field = fc.oneof(fc.anything(), fc.constantFrom('reply', 'vary', 'language', 'pass'))
    const value = fc.record({
      kind: field,
      names: field,
      key: field,
      fields: field,
      status: field,
      body: field,
    })
    await fc.assert(
      fc.asyncProperty(value, async (each) => assert.equal(await answered(each), 'ours')),
      { numRuns: 200 },
    )
  })
})
