import type { Groups } from '../overhead/group.ts'
import { large, small, streamed } from './content.ts'
import { dynamic } from './dynamic.ts'
import { hits } from './hits.ts'

/** What browsers say. */
const browser = 'gzip, deflate, br, zstd'

/** Of a megabyte not more are on their way, so that each of them ends in the time that it is measured for. */
const connections = 8

export const groups: Groups = {
  'gzip-2': dynamic(small, { title: '2 KB of JSON, gzip', accept: 'gzip', atLeast: 2.5 }),
  'gzip-50': dynamic(large, { title: '50 KB of JSON, gzip', accept: 'gzip', atLeast: 1 }),
  'gzip-1000': dynamic(streamed, {
    title: '1 MB of JSON as a stream, gzip',
    accept: 'gzip',
    connections,
    atLeast: 1,
  }),
  'browser-2': dynamic(small, { title: '2 KB of JSON, what browsers accept', accept: browser, atLeast: 1 }),
  'browser-50': dynamic(large, { title: '50 KB of JSON, what browsers accept', accept: browser, atLeast: 1 }),
  'browser-1000': dynamic(streamed, {
    title: '1 MB of JSON as a stream, what browsers accept',
    accept: browser,
    connections,
    atLeast: 1,
  }),
  'hit-2': hits('A hit of 2 KB of JSON', small),
  'hit-50': hits('A hit of 50 KB of JSON', large),
}
