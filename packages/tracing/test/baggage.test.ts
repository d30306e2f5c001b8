import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { baggageEntryMetadataFromString, propagation } from '@opentelemetry/api'
import fc from 'fast-check'
import { formatBaggage, parseBaggage } from '../src/baggage.ts'

const read = (field: string): Record<string, string> =>
  Object.fromEntries(
    (parseBaggage(field)?.getAllEntries() ?? []).map(([name, { value, metadata }]) => [
      name,
      metadata === undefined ? value : `${value};${metadata.toString()}`,
    ]),
  )

describe('a baggage', () => {
  for (const [field, members] of [
    [
      'key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue',
      { key1: 'value1;property1;property2', key2: 'value2', key3: 'value3;propertyKey=propertyValue' },
    ],
    ['a=caf%C3%A9%2C%20hot', { a: 'café, hot' }],
    ['a=', { a: '' }],
    ['a=1=2', { a: '1=2' }],
    ['a=1,a=2', { a: '2' }],
    ['__proto__=1,constructor=2', { ['__proto__']: '1', constructor: '2' }],
    // Malformed ones are left out, and the others stay.
    ['a=%zz,b=2', { b: '2' }],
    ['no value,=1,sp ace=1,b=2', { b: '2' }],
    ['', {}],
    [',,;=,', {}],
  ] as const) {
    it(`is read: ${field}`, () => assert.deepEqual(Object.entries(read(field)), Object.entries(members)))
  }

  it('has 180 members at most', () => {
    const field = Array.from({ length: 300 }, (_, i) => `k${i}=${i}`).join(',')
    assert.equal(Object.keys(read(field)).length, 180)
    assert.equal(read(field)['k179'], '179')
  })

  it('has 8192 characters at most, and no member that is cut', () => {
    const value = 'v'.repeat(1000)
    const members = Array.from({ length: 20 }, (_, i) => `k${i}=${value}`)
    const held = read(members.join(','))
    assert.deepEqual(Object.keys(held), ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'])
    assert.ok(Object.values(held).every((each) => each === value))
    const baggage = propagation.createBaggage(
      Object.fromEntries(members.map((each) => [each.slice(0, 3), { value }])),
    )
    assert.ok(formatBaggage(baggage).length <= 8192)
  })

  it('is written with what stands for characters that may not be in a field', () => {
    const metadata = baggageEntryMetadataFromString('p=1')
    const bad = baggageEntryMetadataFromString('p=1\r\nset-cookie: a=b')
    assert.equal(
      formatBaggage(
        propagation.createBaggage({
          a: { value: 'x, y;z=ä', metadata },
          'sp ace': { value: '1', metadata: bad },
          half: { value: '\ud800' },
        }),
      ),
      'a=x%2C%20y%3Bz%3D%C3%A4;p=1,sp%20ace=1,half=%EF%BF%BD',
    )
  })

  it('is what it was when it goes on', () => {
    const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
    const members = fc.uniqueArray(fc.tuple(name, fc.string({ unit: 'grapheme', maxLength: 20 })), {
      minLength: 1,
      maxLength: 20,
      selector: ([each]) => each,
    })
    fc.assert(
      fc.property(members, (pairs) => {
        const entries = pairs.map(([each, value]) => [each, { value }] as const)
        const field = formatBaggage(propagation.createBaggage(Object.fromEntries(entries)))
        assert.match(field, /^[!-~]+$/)
        assert.deepEqual(new Map(Object.entries(read(field))), new Map(pairs))
      }),
    )
  })

  it('that is anything at all does not throw, nor make a field that is none', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.stringMatching(/^[a-z]{1,3}=[ -~]{0,9}$/),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const baggage = parseBaggage(parts.join(','))
        if (baggage === undefined) return
        const field = formatBaggage(baggage)
        assert.match(field, /^[\t -~]*$/)
        assert.deepEqual(read(field), read(formatBaggage(parseBaggage(field) ?? propagation.createBaggage())))
      }),
      { numRuns: 2000 },
    )
  })
})
