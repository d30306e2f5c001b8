import { memo } from '../memo.ts'

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** `Sun, 06 Nov 1994 08:49:37 GMT` */
const imfFixdate = /^(?:mon|tue|wed|thu|fri|sat|sun), (\d\d) ([a-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) gmt$/i
/** `Sunday, 06-Nov-94 08:49:37 GMT` */
const rfc850Date =
  /^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\d\d)-([a-z]{3})-(\d\d) (\d\d):(\d\d):(\d\d) gmt$/i
/** `Sun Nov  6 08:49:37 1994` */
const asctimeDate = /^(?:mon|tue|wed|thu|fri|sat|sun) ([a-z]{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/i

/** 400 years, after which the calendar repeats itself. Date.UTC is asked about later ones: it takes the year 50 for 1950. */
const calendar = 146_097 * 86_400_000

type Part = string | undefined

const timeOf = (
  year: number,
  month: Part = '',
  day: Part,
  hour: Part,
  minute: Part,
  second: Part,
): number | undefined => {
  const index = months.indexOf(month.toLowerCase())
  if (index < 0 || Number(day) < 1 || Number(hour) > 23 || Number(minute) > 59) return undefined
  // The grammar knows leap seconds.
  if (Number(second) > 60) return undefined
  const midnight = Date.UTC(year + 400, index, Number(day))
  // The 30th of February.
  if (midnight >= Date.UTC(year + 400, index + 1)) return undefined
  return midnight - calendar + Number(hour) * 3_600_000 + Number(minute) * 60_000 + Number(second) * 1000
}

const inFiftyYears = (now: number): number => {
  const then = new Date(now)
  return then.setUTCFullYear(then.getUTCFullYear() + 50)
}

/**
 * Reads an HTTP date in any of its three forms (RFC 9110 section 5.6.7): as the grammar says, save that case does not
 * matter. The name of the weekday is not compared with the date.
 *
 * @param now milliseconds; a year of two digits is the last such year that is at most 50 years ahead
 * @returns milliseconds; undefined when it is no such date. For `Expires` that means the past (RFC 9111 section 5.3)
 */
export const parseHttpDate = (field: string | undefined, now: number): number | undefined => {
  if (field === undefined) return undefined
  const imf = imfFixdate.exec(field)
  if (imf) return timeOf(Number(imf[3]), imf[2], imf[1], imf[4], imf[5], imf[6])
  const asctime = asctimeDate.exec(field)
  if (asctime) return timeOf(Number(asctime[6]), asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  const rfc850 = rfc850Date.exec(field)
  if (!rfc850) return undefined
  const limit = inFiftyYears(now)
  const lastCentury = Math.floor(new Date(limit).getUTCFullYear() / 100) * 100
  const inCentury = (century: number): number | undefined =>
    timeOf(century + Number(rfc850[3]), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6])
  const time = inCentury(lastCentury)
  return time !== undefined && time <= limit ? time : inCentury(lastCentury - 100)
}

const formatSecond = memo((second: number): string => new Date(second * 1000).toUTCString())

/** The first and the last second that four digits of a year can say. */
const firstSecond = -62_167_219_200
const lastSecond = 253_402_300_799

/**
 * Writes an HTTP date as IMF-fixdate (RFC 9110 section 5.6.7). What is too far away to be written is the end of the
 * year 9999, or the beginning of the year 0.
 *
 * @param time milliseconds, also infinite; a part of a second is dropped
 */
export const formatHttpDate = (time: number): string =>
  formatSecond(Math.min(Math.max(Math.floor(time / 1000), firstSecond), lastSecond))
