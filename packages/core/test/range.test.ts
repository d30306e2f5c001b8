import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type ByteRange,
  formatContentRange,
  multipartRanges,
  parseContentRange,
  parseRange,
} from '../src/index.ts'
import { hostileFields } from './hostile.ts'

const list = (count: number): string => Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join()

describe('Range', () => {
  const rows: readonly (readonly [
    field: string | undefined,
    size: number,
    ranges: readonly (readonly [first: number, last: number])[] | 'unsatisfiable' | undefined,
  ])[] = [
    [undefined, 10, undefined],
    ['bytes=0-4', 10, [[0, 4]]],
    ['bytes=0-0', 10, [[0, 0]]],
    ['bytes=9-9', 10, [[9, 9]]],
    ['bytes=0-9', 10, [[0, 9]]],
    ['bytes=0-10', 10, [[0, 9]]],
    ['bytes=0-99999999999999999999999', 10, [[0, 9]]],
    ['bytes=5-', 10, [[5, 9]]],
    ['bytes=-3', 10, [[7, 9]]],
    ['bytes=-10', 10, [[0, 9]]],
    ['bytes=-11', 10, [[0, 9]]],
    ['bytes=-99999999999999999999999', 10, [[0, 9]]],
    ['BYTES=0-4', 10, [[0, 4]]],
    ['bytes=00-04', 10, [[0, 4]]],
    // Several, in the order asked for.
    [
      'bytes=0-1,4-5',
      10,
      [
        [0, 1],
        [4, 5],
      ],
    ],
    [
      'bytes= 4-5 ,\t, 0-1, -2',
      10,
      [
        [4, 5],
        [0, 1],
        [8, 9],
      ],
    ],
    [
      'bytes=0-4,5-9',
      10,
      [
        [0, 4],
        [5, 9],
      ],
    ],
    // What is not there is left out.
    ['bytes=0-1,20-30', 10, [[0, 1]]],
    ['bytes=0-1,-0', 10, [[0, 1]]],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=10-20', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=99999999999999999999999-', 10, 'unsatisfiable'],
    ['bytes=20-30,40-50', 10, 'unsatisfiable'],
    // Ignored: no range of an empty body can be named.
    ['bytes=0-', 0, undefined],
    ['bytes=-1', 0, undefined],
    // Ignored: malformed, all of it.
    ['bytes=', 10, undefined],
    ['bytes=,', 10, undefined],
    ['bytes=-', 10, undefined],
    ['bytes=4-3', 10, undefined],
    ['bytes=0-1,4-3', 10, undefined],
    ['bytes=0-1,a', 10, undefined],
    ['bytes=20-30,a', 10, undefined],
    ['bytes=a-b', 10, undefined],
    ['bytes=0-1-2', 10, undefined],
    ['bytes=--1', 10, undefined],
    ['bytes=0 - 1', 10, undefined],
    ['bytes=0-1.5', 10, undefined],
    ['bytes=0x0-0x1', 10, undefined],
    ['bytes 0-1', 10, undefined],
    ['bytes =0-1', 10, undefined],
    [' bytes=0-1', 10, undefined],
    ['0-1', 10, undefined],
    ['', 10, undefined],
    // Ignored: another unit.
    ['lines=0-1', 10, undefined],
    // Ignored: the same bytes twice.
    ['bytes=0-1,1-2', 10, undefined],
    ['bytes=4-5,0-9', 10, undefined],
    ['bytes=0-,-1', 10, undefined],
    ['bytes=0-1,0-1', 10, undefined],
    ['bytes=-10,-10', 10, undefined],
    // Ignored: too many.
    [`bytes=${list(33)}`, 1000, undefined],
    [`bytes=${'20-30,'.repeat(33)}`, 10, undefined],
  ]
  for (const [field, size, ranges] of rows) {
    it(`${JSON.stringify(field ?? 'none')} of ${size}`, () =>
      assert.deepEqual(
        parseRange(field, size),
        typeof ranges === 'object' ? ranges.map(([first, last]) => ({ first, last })) : ranges,
      ))
  }

  it('of 32 ranges counts', () => assert.equal(parseRange(`bytes=${list(32)}`, 1000)?.length, 32))

  it('gives parts of the body, no byte twice', () => {
    const number = fc.oneof(fc.nat(12), fc.constant(''))
    const specifier = fc.tuple(number, number).map(([from, to]) => `${from}-${to}`)
    fc.assert(
      fc.property(fc.array(specifier, { minLength: 1, maxLength: 4 }), fc.nat(12), (specifiers, size) => {
        const ranges = parseRange(`bytes=${specifiers.join()}`, size)
        if (typeof ranges !== 'object') return
        const given = new Set<number>()
        for (const { first, last } of ranges) {
          assert(first >= 0 && first <= last && last < size)
          for (let i = first; i <= last; i++) {
            assert(!given.has(i))
            given.add(i)
          }
        }
        const asked = (i: number): boolean =>
          specifiers.some((text) => {
            const [from = '', to = ''] = text.split('-')
            if (from === '') return i >= size - Number(to)
            return i >= Number(from) && (to === '' || i <= Number(to))
          })
        for (let i = 0; i < size; i++) assert.equal(given.has(i), asked(i))
      }),
      { numRuns: 2000 },
    )
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['0-1,', '-1,', '0-,', ' ,', '0 -'])) {
      parseRange(field, 1000)
      parseRange(`bytes=${field}`, 1000)
    }
  })
})

describe('Content-Range', () => {
  const rows: readonly (readonly [field: string | undefined, range: ReturnType<typeof parseContentRange>])[] =
    [
      [undefined, undefined],
      ['bytes 0-4/10', { first: 0, last: 4, size: 10 }],
      ['bytes 9-9/10', { first: 9, last: 9, size: 10 }],
      ['Bytes 0-4/*', { first: 0, last: 4, size: undefined }],
      ['bytes */10', undefined],
      ['bytes 5-4/10', undefined],
      ['bytes 0-10/10', undefined],
      ['bytes 0-4', undefined],
      ['bytes=0-4/10', undefined],
      ['bytes 0-4/', undefined],
      ['bytes -4/10', undefined],
      ['bytes 0-4/10, bytes 5-9/10', undefined],
      ['bytes 0-4/99999999999999999999', undefined],
      ['bytes 99999999999999999999-99999999999999999999/*', undefined],
      ['lines 0-4/10', undefined],
      ['', undefined],
    ]
  for (const [field, range] of rows) {
    it(JSON.stringify(field ?? 'none'), () => assert.deepEqual(parseContentRange(field), range))
  }

  it('is written', () => {
    assert.equal(formatContentRange({ first: 0, last: 4 }, 10), 'bytes 0-4/10')
    assert.equal(formatContentRange(undefined, 10), 'bytes */10')
  })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), (a, b, c) => {
        const [first = 0, last = 0, end = 0] = [a, b, c].toSorted((x, y) => x - y)
        if (last === end) return
        const range = { first, last }
        assert.deepEqual(parseContentRange(formatContentRange(range, end)), { ...range, size: end })
      }),
    )
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['0-', 'bytes ', '/'])) {
      parseContentRange(field)
      parseContentRange(`bytes ${field}`)
    }
  })
})

describe('multipart/byteranges', () => {
  const body = new TextEncoder().encode('0123456789')
  const text = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

  it('is the parts with their heads', () => {
    const ranges = [
      { first: 0, last: 1 },
      { first: 8, last: 9 },
    ]
    assert.equal(
      text(multipartRanges(body, ranges, { boundary: 'x-1', contentType: 'text/plain' })),
      [
        '--x-1',
        'Content-Type: text/plain',
        'Content-Range: bytes 0-1/10',
        '',
        '01',
        '--x-1',
        'Content-Type: text/plain',
        'Content-Range: bytes 8-9/10',
        '',
        '89',
        '--x-1--',
        '',
      ].join('\r\n'),
    )
    assert.match(text(multipartRanges(body, ranges, { boundary: 'b' })), /^--b\r\nContent-Range: /)
  })

  it('holds the bytes that were asked for', () => {
    const size = 40
    const range = fc
      .tuple(fc.nat(size - 1), fc.nat(size - 1))
      .map(([a, b]): ByteRange => ({ first: Math.min(a, b), last: Math.max(a, b) }))
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: size, maxLength: size }),
        fc.array(range, { minLength: 1, maxLength: 5 }),
        (bytes, ranges) => {
          const whole = text(multipartRanges(bytes, ranges, { boundary: '5d41402abc4b2a76b9719d911017c592' }))
          const [preamble, ...rest] = whole.split(/(?:^|\r\n)--5d41402abc4b2a76b9719d911017c592/)
          assert.equal(preamble, '')
          assert.equal(rest.pop(), '--\r\n')
          assert.deepEqual(
            rest,
            ranges.map(
              ({ first, last }) =>
                `\r\nContent-Range: bytes ${first}-${last}/${size}\r\n\r\n${text(bytes.subarray(first, last + 1))}`,
            ),
          )
        },
      ),
    )
  })
})
