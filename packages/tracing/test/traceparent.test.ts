import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSpanContextValid } from '@opentelemetry/api'
import fc from 'fast-check'
import { formatTraceparent, parseTraceparent } from '../src/traceparent.ts'

const trace = '12345678901234567890123456789012'
const parent = '1234567890123456'
const good = `00-${trace}-${parent}-01`

describe('a traceparent', () => {
  for (const [field, flags] of [
    [good, 1],
    [`00-${trace}-${parent}-00`, 0],
    [`00-${trace}-${parent}-03`, 3],
    // Flags that nobody knows yet.
    [`00-${trace}-${parent}-ff`, 3],
    [`  ${good}\t`, 1],
    [`cc-${trace}-${parent}-01`, 1],
    [`cc-${trace}-${parent}-01-what-the-future-will-be-like`, 1],
  ] as const) {
    it(`is read: ${JSON.stringify(field)}`, () => {
      assert.deepEqual(parseTraceparent(field), {
        traceId: trace,
        spanId: parent,
        traceFlags: flags,
        isRemote: true,
      })
    })
  }

  for (const field of [
    '',
    '00',
    `${good}.`,
    `${good}-more`,
    `cc-${trace}-${parent}-01.more`,
    `ff-${trace}-${parent}-01`,
    `.0-${trace}-${parent}-01`,
    `0-${trace}-${parent}-01`,
    `000-${trace}-${parent}-01`,
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase().replace('1', 'A')}-${parent}-01`,
    `00-${trace}3-${parent}-01`,
    `00-${trace.slice(1)}-${parent}-01`,
    `00-${trace}-${parent.slice(1)}.-01`,
    `00-${trace}-${parent}-.0`,
    `00-${trace}-${parent}-1`,
    `00-${trace}-${parent}-001`,
    `00_${trace}_${parent}_01`,
    `${good}, ${good}`,
  ]) {
    it(`is none: ${JSON.stringify(field)}`, () => assert.equal(parseTraceparent(field), undefined))
  }

  const hex = (length: number) =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((id) => /[^0]/.test(id))

  it('is written so that it is read again', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, flags) => {
        const field = formatTraceparent({ traceId, spanId }, flags)
        assert.deepEqual(parseTraceparent(field), { traceId, spanId, traceFlags: flags, isRemote: true })
      }),
    )
  })

  it('that is anything at all is none, or a valid one', () => {
    const nearly = fc
      .tuple(fc.nat(good.length), fc.nat(3), fc.string({ maxLength: 3 }))
      .map(([at, length, text]) => good.slice(0, at) + text + good.slice(at + length))
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), nearly), (field) => {
        const parsed = parseTraceparent(field)
        if (parsed === undefined) return
        assert.ok(isSpanContextValid(parsed))
        assert.ok(field.includes(`-${parsed.traceId}-${parsed.spanId}-`))
      }),
      { numRuns: 2000 },
    )
  })
})
