import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatHttpDate, parseHttpDate } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

const now = Date.UTC(2026, 10, 21)
const august = Date.UTC(2050, 7, 18, 2, 1, 18)

describe('an HTTP date', () => {
  const rows: readonly (readonly [field: string | undefined, time: number | undefined])[] = [
    [undefined, undefined],
    // The examples of RFC 9110 section 5.6.7.
    ['Sun, 06 Nov 1994 08:49:37 GMT', 784111777000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 784111777000],
    ['Sun Nov  6 08:49:37 1994', 784111777000],
    ['Sun Nov 16 08:49:37 1994', 784975777000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Tue, 19 Jan 2038 14:14:08 GMT', Date.UTC(2038, 0, 19, 14, 14, 8)],
    ['Sun, 21 Nov 2286 04:46:39 GMT', Date.UTC(2286, 10, 21, 4, 46, 39)],
    ['Thursday, 18-Aug-50 02:01:18 GMT', august],
    ['Thu Aug 18 02:01:18 2050', august],
    ['Wed, 29 Feb 2040 00:00:00 GMT', Date.UTC(2040, 1, 29)],
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['Mon, 01 Jan 0050 00:00:00 GMT', new Date(0).setUTCFullYear(50, 0, 1)],
    // Case does not matter; a weekday that is another one neither.
    ['THU, 18 Aug 2050 02:01:18 GMT', august],
    ['Thu, 18 AUG 2050 02:01:18 GMT', august],
    ['Thu, 18 Aug 2050 02:01:18 gMT', august],
    ['Mon, 18 Aug 2050 02:01:18 GMT', august],
    // What http-cache-tests calls invalid.
    ['Thu, 18 Aug 2050 02:01:18 UTC', undefined],
    ['Thu, 18 Aug 2050 02:01:18 AEST', undefined],
    ['Thu, 18 Aug 50 02:01:18 GMT', undefined],
    ['Thu 18 Aug 2050 02:01:18 GMT', undefined],
    ['Thu, 18  Aug  2050 02:01:18 GMT', undefined],
    ['Thu, 18-Aug-2050 02:01:18 GMT', undefined],
    ['Thu, 18 Aug 2050 02.01.18 GMT', undefined],
    ['Thu, 18 Aug 2050 2:01:18 GMT', undefined],
    ['Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT', undefined],
    ['0', undefined],
    ['-1', undefined],
    ['', undefined],
    ['foo', undefined],
    ['2050-08-18T02:01:18Z', undefined],
    // No such day, no such time.
    ['Thu, 30 Feb 2050 02:01:18 GMT', undefined],
    ['Thu, 29 Feb 2050 02:01:18 GMT', undefined],
    ['Thu, 00 Aug 2050 02:01:18 GMT', undefined],
    ['Thu, 32 Dec 2050 02:01:18 GMT', undefined],
    ['Thu, 18 Foo 2050 02:01:18 GMT', undefined],
    ['Thu, 18 Aug 2050 24:01:18 GMT', undefined],
    ['Thu, 18 Aug 2050 02:60:18 GMT', undefined],
    ['Thu, 18 Aug 2050 02:01:61 GMT', undefined],
    ['Foo, 18 Aug 2050 02:01:18 GMT', undefined],
    ['Thu, 18-Aug-50 02:01:18 GMT', undefined],
    ['Thursday, 18 Aug 2050 02:01:18 GMT', undefined],
    ['Thu Aug 8 02:01:18 2050', undefined],
    [' Thu, 18 Aug 2050 02:01:18 GMT', undefined],
    ['Thu, 18 Aug 2050 02:01:18 GMT ', undefined],
    ['Thu, 18 Aug 2050 02:01:18 GMT\n', undefined],
    ['Thu, 1８ Aug 2050 02:01:18 GMT', undefined],
  ]
  for (const [field, time] of rows) {
    it(JSON.stringify(field ?? 'none'), () => assert.equal(parseHttpDate(field, now), time))
  }

  const centuries: readonly (readonly [field: string, now: number, year: number])[] = [
    ['Saturday, 21-Nov-76 00:00:00 GMT', Date.UTC(2026, 10, 21), 2076],
    ['Saturday, 21-Nov-76 00:00:01 GMT', Date.UTC(2026, 10, 21), 1976],
    ['Saturday, 01-Jan-77 00:00:00 GMT', Date.UTC(2026, 10, 21), 1977],
    ['Saturday, 01-Jan-26 00:00:00 GMT', Date.UTC(2026, 10, 21), 2026],
    ['Saturday, 01-Jan-10 00:00:00 GMT', Date.UTC(2090, 0, 1), 2110],
    ['Saturday, 01-Jan-90 00:00:00 GMT', Date.UTC(2090, 0, 1), 2090],
    ['Saturday, 01-Jan-41 00:00:00 GMT', Date.UTC(2090, 0, 1), 2041],
    ['Saturday, 01-Jan-94 00:00:00 GMT', 0, 1994],
    // 2100 has no such day.
    ['Saturday, 29-Feb-00 00:00:00 GMT', Date.UTC(2090, 0, 1), 2000],
  ]
  for (const [field, at, year] of centuries) {
    it(`${field} in ${new Date(at).getUTCFullYear()} is of ${year}`, () => {
      const time = parseHttpDate(field, at)
      assert(time !== undefined)
      assert.equal(new Date(time).getUTCFullYear(), year)
    })
  }

  const second = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(second, fc.nat(999), (seconds, milliseconds) => {
        assert.equal(parseHttpDate(formatHttpDate(seconds * 1000 + milliseconds), now), seconds * 1000)
      }),
    )
  })

  it('is the same in its three forms', () => {
    // Of the years that two digits can say.
    fc.assert(
      fc.property(fc.integer({ min: 250_000_000, max: 3_300_000_000 }), (seconds) => {
        const [weekday, day = '', month = '', year = '', time = ''] = formatHttpDate(seconds * 1000).split(
          /,? /,
        )
        const long = new Date(seconds * 1000).toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' })
        const asctime = `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`
        const rfc850 = `${long}, ${day}-${month}-${year.slice(2)} ${time} GMT`
        assert.equal(parseHttpDate(asctime, now), seconds * 1000)
        assert.equal(parseHttpDate(rfc850, now), seconds * 1000)
      }),
    )
  })

  it('is written within the years that it can say', () => {
    assert.equal(formatHttpDate(Number.POSITIVE_INFINITY), 'Fri, 31 Dec 9999 23:59:59 GMT')
    assert.equal(formatHttpDate(Number.NEGATIVE_INFINITY), 'Sat, 01 Jan 0000 00:00:00 GMT')
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['Sun, ', 'Sunday', '06 Nov 1994 ', 'Sun Nov  '])) {
      assert.equal(parseHttpDate(field, now), undefined)
    }
  })
})
