import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseDuration, parseSize } from '../src/index.ts'

describe('a duration', () => {
  const good: readonly (readonly [given: unknown, milliseconds: number])[] = [
    ['250ms', 250],
    ['0s', 0],
    ['1s', 1000],
    ['1.5s', 1500],
    ['0.5ms', 0.5],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['365d', 31_536_000_000],
    [' 5 m ', 300_000],
    [300, 300_000],
    [0, 0],
    [0.25, 250],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ]
  for (const [given, milliseconds] of good) {
    it(`${JSON.stringify(given)} is ${milliseconds} ms`, () =>
      assert.equal(parseDuration(given), milliseconds))
  }

  const bad: readonly unknown[] = [
    ...[
      '',
      ' ',
      '5',
      'm',
      '5M',
      '5 min',
      '5mins',
      '1h30m',
      '-5m',
      '+5m',
      '.5s',
      '5.s',
      '1e3s',
      '0x5s',
      '5,5s',
      '５m',
      'Infinity',
      '5m\n6m',
    ],
    ...[
      -1,
      -0.001,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      null,
      undefined,
      true,
      {},
      [],
      ['5m'],
      5n,
      new Date(0),
      () => 5,
    ],
  ]
  for (const given of bad) {
    it(`${typeof given} ${String(given)} is none`, () => assert.equal(parseDuration(given), undefined))
  }
})

describe('a size', () => {
  const good: readonly (readonly [given: unknown, bytes: number])[] = [
    ['500b', 500],
    ['64kb', 65_536],
    ['1.5mb', 1_572_864],
    ['2gb', 2_147_483_648],
    ['1tb', 1_099_511_627_776],
    ['64MB', 67_108_864],
    ['1Kb', 1024],
    [' 1 kb ', 1024],
    ['0.3b', 0],
    ['1.0001kb', 1024],
    [1024, 1024],
    [1.9, 1],
    [0, 0],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ]
  for (const [given, bytes] of good) {
    it(`${JSON.stringify(given)} is ${bytes} bytes`, () => assert.equal(parseSize(given), bytes))
  }

  const bad: readonly unknown[] = [
    ...['', '64', 'kb', '64k', '64 kib', '64bytes', '-1kb', '1e3b', '.5mb', '1,5mb', '1kb 2kb'],
    ...[-1, Number.NaN, Number.NEGATIVE_INFINITY, null, undefined, false, {}, ['1kb'], 5n],
  ]
  for (const given of bad) {
    it(`${typeof given} ${String(given)} is none`, () => assert.equal(parseSize(given), undefined))
  }
})

describe('a quantity', () => {
  it('is never negative and never NaN, whatever is given', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.string(),
        fc.constantFrom('ms', 's', 'm', 'kb', 'mb'),
        (anything, text, unit) => {
          for (const given of [anything, text, `${text}${unit}`]) {
            const duration = parseDuration(given)
            const size = parseSize(given)
            assert.ok(duration === undefined || duration >= 0)
            assert.ok(
              size === undefined ||
                (size >= 0 && (size === Number.POSITIVE_INFINITY || Number.isInteger(size))),
            )
          }
        },
      ),
    )
  })
})
