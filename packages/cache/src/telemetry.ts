import {
  counter,
  histogram,
  type RecordValue,
  remarks,
  type StateMetric,
  type Telemetry,
} from '@millrace/core'
import type { CacheInspection } from './engine/cache.ts'
import { loaded, looked, stored, tierCalled, tierFailed } from './events.ts'
import { seededHash } from './eviction/hash.ts'

/** Seconds: a tier on the same machine answers within one, a factory may ask another service. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * What a cache plugin tells. Reads of a cache happen too often to be told one by one: their counts are asked for.
 *
 * @param inspect undefined as long as there is no cache
 */
export const telemetryOf = (inspect: () => CacheInspection | undefined): Telemetry => ({
  metrics: [
    counter(
      looked,
      {
        name: 'millrace_cache_lookups_total',
        help: 'Requests on cached routes, by what became of them.',
        labels: ['route', 'outcome'],
      },
      ({ route, outcome }) => [route, outcome],
    ),
    counter(
      stored,
      {
        name: 'millrace_cache_stored_bytes_total',
        help: 'Body bytes of the replies that were stored.',
        labels: ['route'],
      },
      ({ route }) => [route],
      ({ bytes }) => bytes,
    ),
    histogram(
      loaded,
      {
        name: 'millrace_cache_load_duration_seconds',
        help: 'How long factories ran.',
        labels: ['cache', 'outcome'],
        buckets,
      },
      ({ cache, error }) => [cache, error === undefined ? 'ok' : 'error'],
      ({ duration }) => duration / 1000,
    ),
    histogram(
      tierCalled,
      {
        name: 'millrace_cache_tier_duration_seconds',
        help: 'How long calls to tiers beyond memory took.',
        labels: ['tier', 'operation', 'outcome'],
        buckets,
      },
      ({ tier, operation, failed }) => [tier, operation, failed ? 'error' : 'ok'],
      ({ duration }) => duration / 1000,
    ),
    counter(
      tierFailed,
      {
        name: 'millrace_cache_tier_errors_total',
        help: 'What failed in tiers, the backplane and locks.',
        labels: ['tier', 'operation'],
      },
      ({ tier, operation }) => [tier, operation],
    ),
    ...states.map(
      ([kind, name, help, labels, read]): StateMetric => ({
        kind,
        name: `millrace_cache_${name}`,
        help,
        labels,
        read: (record) => {
          const cache = inspect()
          if (cache !== undefined) read(cache, record)
        },
      }),
    ),
  ],
  remarks: [
    remarks(looked, ({ exchange, outcome, key, age, linked }) => ({
      name: 'cache',
      exchange,
      outcome,
      attributes: {
        ...(key !== undefined && { 'cache.key_hash': hashed(key) }),
        ...(age !== undefined && { 'cache.age': age }),
      },
      ...(linked && { linked }),
    })),
    remarks(loaded, ({ cache, duration, error }) => ({
      name: 'cache.load',
      attributes: { 'cache.name': cache },
      duration,
      error,
    })),
    remarks(tierCalled, ({ tier, operation, duration, failed }) => ({
      name: `cache.${operation}`,
      attributes: { 'cache.tier': tier },
      duration,
      ...(failed && { error: true }),
    })),
  ],
})

/** Keys may hold what is nobody's business. The same in every process. */
const hashed = (key: string): string => (hashOf(key) >>> 0).toString(16).padStart(8, '0')
const hashOf = seededHash(0)

type Read = (cache: CacheInspection, record: RecordValue) => void

/** A number that tiers may tell of themselves. */
const ofTiers =
  (name: string): Read =>
  (cache, record) => {
    for (const [tier, told] of Object.entries(cache.tiers)) {
      const value: unknown = typeof told === 'object' && told !== null ? Reflect.get(told, name) : undefined
      if (typeof value === 'number' || typeof value === 'boolean') record([tier], Number(value))
    }
  }

const reads: Read = ({ stats }, record) => {
  for (const [tier, count] of Object.entries(stats.hits)) record([tier, 'hit'], count)
  record(['', 'stale'], stats.stale)
  record(['', 'coalesced'], stats.coalesced)
  record(['', 'miss'], stats.misses)
}

const states: readonly (readonly [StateMetric['kind'], string, string, readonly string[], Read])[] = [
  ['counter', 'reads_total', 'Reads of a cache.', ['tier', 'outcome'], reads],
  [
    'counter',
    'saved_seconds_total',
    'What loads that were not needed would have taken.',
    [],
    ({ stats }, record) => record([], stats.saved.time / 1000),
  ],
  ['counter', 'evictions_total', 'Entries that left for others.', ['tier'], ofTiers('evicted')],
  ['gauge', 'entries', 'Entries that a tier holds.', ['tier'], ofTiers('entries')],
  ['gauge', 'bytes', 'Bytes that a tier holds, as it counts them.', ['tier'], ofTiers('bytes')],
  ['gauge', 'max_bytes', 'Bytes that a tier may hold.', ['tier'], ofTiers('maxBytes')],
  ['gauge', 'tier_up', '0 where a tier fails and is left alone for a while.', ['tier'], ofTiers('open')],
  [
    'gauge',
    'backplane_up',
    '1 where processes hear of each other.',
    [],
    ({ backplane }, record) => record([], Number(backplane.connected)),
  ],
  [
    'gauge',
    'recovery_waiting',
    'Writes that tiers are still owed.',
    [],
    ({ recovery }, record) => record([], recovery.waiting),
  ],
]
