import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { evaluatePreconditions, formatHttpDate, ifRangeHolds, type Validators } from '../src/index.ts'

const now = Date.UTC(2026, 10, 21, 12)
const second = 1000
/** Last-Modified of the representation, an hour before it was made. */
const modified = now - 7200 * second
const date = now - 3600 * second
const on = (time: number): string => formatHttpDate(time)

const full: Validators = { etag: '"a"', lastModified: modified, date }
const weak: Validators = { ...full, etag: 'W/"a"' }
const timeless: Validators = { etag: '"a"' }
const undatedChange: Validators = { date }
const bare: Validators = {}

type Fields = Readonly<Record<string, string>>

describe('preconditions', () => {
  const rows: readonly (readonly [fields: Fields, of: Validators, expected: string])[] = [
    [{}, full, 'proceed'],
    [{}, bare, 'proceed'],
    // If-None-Match: weak comparison.
    [{ 'if-none-match': '"a"' }, full, 'not-modified'],
    [{ 'if-none-match': 'W/"a"' }, full, 'not-modified'],
    [{ 'if-none-match': '"a"' }, weak, 'not-modified'],
    [{ 'if-none-match': '"b"' }, full, 'proceed'],
    [{ 'if-none-match': '"b", W/"a"' }, full, 'not-modified'],
    [{ 'if-none-match': 'a' }, full, 'proceed'],
    [{ 'if-none-match': 'a' }, { etag: 'a' }, 'proceed'],
    [{ 'if-none-match': '' }, full, 'proceed'],
    [{ 'if-none-match': '"a"' }, bare, 'proceed'],
    [{ 'if-none-match': '*' }, full, 'not-modified'],
    [{ 'if-none-match': '*' }, bare, 'not-modified'],
    // It is all that counts where it is, whatever If-Modified-Since says.
    [{ 'if-none-match': '"b"', 'if-modified-since': on(now) }, full, 'proceed'],
    [{ 'if-none-match': 'garbage', 'if-modified-since': on(now) }, full, 'proceed'],
    [{ 'if-none-match': '"a"', 'if-modified-since': on(0) }, full, 'not-modified'],
    // If-Modified-Since.
    [{ 'if-modified-since': on(modified) }, full, 'not-modified'],
    [{ 'if-modified-since': on(modified + second) }, full, 'not-modified'],
    [{ 'if-modified-since': on(modified - second) }, full, 'proceed'],
    [{ 'if-modified-since': on(now + 3600 * second) }, full, 'not-modified'],
    [{ 'if-modified-since': 'yesterday' }, full, 'proceed'],
    [{ 'if-modified-since': `${on(now)}, ${on(now)}` }, full, 'proceed'],
    [{ 'if-modified-since': on(now) }, timeless, 'proceed'],
    [{ 'if-modified-since': on(date) }, undatedChange, 'not-modified'],
    [{ 'if-modified-since': on(date - second) }, undatedChange, 'proceed'],
    // A second has no parts in a field.
    [{ 'if-modified-since': on(date) }, { date: date + 999 }, 'not-modified'],
    [{ 'if-modified-since': on(date) }, { date: date + 1000 }, 'proceed'],
    [{ 'if-unmodified-since': on(modified) }, { lastModified: modified + 999 }, 'proceed'],
    // If-Match: strong comparison.
    [{ 'if-match': '"a"' }, full, 'proceed'],
    [{ 'if-match': '"b", "a"' }, full, 'proceed'],
    [{ 'if-match': 'W/"a"' }, full, 'failed'],
    [{ 'if-match': '"a"' }, weak, 'failed'],
    [{ 'if-match': 'W/"a"' }, weak, 'failed'],
    [{ 'if-match': '"b"' }, full, 'failed'],
    [{ 'if-match': '"a"' }, bare, 'failed'],
    [{ 'if-match': 'garbage' }, full, 'failed'],
    [{ 'if-match': '*' }, bare, 'proceed'],
    // If-Unmodified-Since.
    [{ 'if-unmodified-since': on(modified) }, full, 'proceed'],
    [{ 'if-unmodified-since': on(modified - second) }, full, 'failed'],
    [{ 'if-unmodified-since': 'yesterday' }, full, 'proceed'],
    [{ 'if-unmodified-since': on(0) }, undatedChange, 'proceed'],
    // The order of RFC 9110 section 13.2.2.
    [{ 'if-match': '"a"', 'if-unmodified-since': on(0) }, full, 'proceed'],
    [{ 'if-match': '"b"', 'if-none-match': '"a"' }, full, 'failed'],
    [{ 'if-match': '"a"', 'if-none-match': '"a"' }, full, 'not-modified'],
    [{ 'if-unmodified-since': on(0), 'if-none-match': '"a"' }, full, 'failed'],
    [{ 'if-unmodified-since': on(now), 'if-modified-since': on(now) }, full, 'not-modified'],
  ]
  for (const [fields, of, expected] of rows) {
    it(`${JSON.stringify(fields)} of ${JSON.stringify(of)}: ${expected}`, () =>
      assert.equal(evaluatePreconditions(fields, of, now), expected))
  }

  it('never answer 304 or 412 to a request without any, nor throw', () => {
    const name = fc.constantFrom(
      'if-match',
      'if-none-match',
      'if-modified-since',
      'if-unmodified-since',
      'accept',
    )
    const value = fc.oneof(fc.string(), fc.constantFrom('*', '"a"', 'W/"a"', on(now), on(0)))
    const of = fc.constantFrom(full, weak, timeless, undatedChange, bare)
    fc.assert(
      fc.property(fc.dictionary(name, value), of, (fields, validators) => {
        const outcome = evaluatePreconditions(fields, validators, now)
        if (outcome === 'failed') assert('if-match' in fields || 'if-unmodified-since' in fields)
        if (outcome === 'not-modified') assert('if-none-match' in fields || 'if-modified-since' in fields)
      }),
    )
  })
})

describe('If-Range', () => {
  const rows: readonly (readonly [field: string | undefined, of: Validators, holds: boolean])[] = [
    [undefined, full, true],
    [undefined, bare, true],
    ['"a"', full, true],
    ['"b"', full, false],
    ['W/"a"', full, false],
    ['"a"', weak, false],
    ['W/"a"', weak, false],
    ['"a"', bare, false],
    ['"a", "b"', full, false],
    ['*', full, false],
    ['', full, false],
    [on(modified), full, true],
    // Exact: a later date is another representation's.
    [on(modified + second), full, false],
    [on(modified - second), full, false],
    [on(date), undatedChange, false],
    // Changed in the second in which it was made, it may have changed again after that.
    [on(modified), { lastModified: modified, date: modified }, false],
    [on(modified), { lastModified: modified, date: modified + second }, true],
    [on(modified), { lastModified: modified }, false],
    ['yesterday', full, false],
  ]
  for (const [field, of, holds] of rows) {
    it(`${field} of ${JSON.stringify(of)}`, () =>
      assert.equal(ifRangeHolds(field === undefined ? {} : { 'if-range': field }, of, now), holds))
  }
})
