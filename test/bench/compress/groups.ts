import { cities, citiesOf } from '../overhead/answers.ts'
import type { Groups } from '../overhead/group.ts'
import { dynamic } from './dynamic.ts'

const large = citiesOf(360)

/** What browsers say. */
const browser = 'gzip, deflate, br, zstd'

export const groups: Groups = {
  'gzip-2': dynamic('2 KB of JSON, gzip', cities, 'gzip'),
  'gzip-50': dynamic('50 KB of JSON, gzip', large, 'gzip'),
  'browser-2': dynamic('2 KB of JSON, what browsers accept', cities, browser),
  'browser-50': dynamic('50 KB of JSON, what browsers accept', large, browser),
}
