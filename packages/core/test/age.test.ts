import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAge } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

describe('Age', () => {
  const rows: readonly (readonly [field: string | undefined, seconds: number | undefined])[] = [
    [undefined, undefined],
    ['0', 0],
    ['7200', 7200],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['9'.repeat(400), 2147483648],
    // Of a list the first (RFC 9111 section 5.1).
    ['7200, 0', 7200],
    ['7200,0', 7200],
    ['0, 7200', 0],
    ['0 , abc', 0],
    [', 7200', 7200],
    // No whole number: ignored.
    ['abc', undefined],
    ['-7200', undefined],
    ['7200.0', undefined],
    ['7200;foo=bar', undefined],
    ['7200 0', undefined],
    ['abc, 7200', undefined],
    ['', undefined],
    [',', undefined],
    ['"7200"', undefined],
  ]
  for (const [field, seconds] of rows) {
    it(JSON.stringify(field ?? 'none').slice(0, 40), () => assert.equal(parseAge(field), seconds))
  }

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields([' ,', '0 ', ', 0'])) {
      const seconds = parseAge(field)
      assert(seconds === undefined || (seconds >= 0 && seconds <= 2147483648))
    }
  })
})
