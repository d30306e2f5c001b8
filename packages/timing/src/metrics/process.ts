import { readdirSync, readFileSync } from 'node:fs'
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { EventMetric, Metric, RecordValue, StateMetric } from '@millrace/core'

type Kind = StateMetric['kind']

const state = (
  kind: Kind,
  name: string,
  help: string,
  labels: readonly string[],
  read: (record: RecordValue) => void,
): StateMetric => ({ kind, name, help, labels, read })

const single = (kind: Kind, name: string, help: string, read: () => number | undefined): StateMetric =>
  state(kind, name, help, [], (record) => record([], read() ?? Number.NaN))

const seconds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]

const collections: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

const garbageCollections: EventMetric = {
  kind: 'histogram',
  name: 'nodejs_gc_duration_seconds',
  help: 'Garbage collections by kind.',
  labels: ['kind'],
  buckets: seconds,
  watch: (record) => {
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const detail: unknown = 'detail' in entry ? entry.detail : undefined
        const kind: unknown =
          typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined
        record([collections[Number(kind)] ?? 'other'], entry.duration / 1000)
      }
    })
    observer.observe({ entryTypes: ['gc'] })
    return () => observer.disconnect()
  },
}

/**
 * The delay of the event loop since it was last read. Node's histogram holds how long an interval of `resolution` took,
 * so that what it was late by is that less the interval (prom-client#418, #309, #561: wrong values without).
 */
class LoopDelay {
  #histogram: ReturnType<typeof monitorEventLoopDelay> | undefined

  /** By the names that prom-client gave them. Read in this order: the last begins anew. */
  metrics(): readonly StateMetric[] {
    const late = (name: string, share: number): StateMetric =>
      single('gauge', `nodejs_eventloop_lag_${name}_seconds`, lateness, () => this.#quantile(share))
    const max = late('max', 1)
    return [
      late('p50', 0.5),
      late('p90', 0.9),
      late('p99', 0.99),
      {
        ...max,
        read: (record) => {
          max.read(record)
          this.#histogram?.reset()
        },
        open: () => this.#open(),
      },
    ]
  }

  #open(): () => void {
    const histogram = monitorEventLoopDelay({ resolution })
    this.#histogram = histogram
    histogram.enable()
    return () => {
      histogram.disable()
      this.#histogram = undefined
    }
  }

  /** Seconds. */
  #quantile(share: number): number | undefined {
    const histogram = this.#histogram
    if (histogram === undefined || histogram.count === 0) return undefined
    return Math.max(0, histogram.percentile(share * 100) / 1e9 - resolution / 1000)
  }
}

const lateness = 'What the event loop was late by since the last reading.'
const resolution = 10

/** What this process uses, by the names that prom-client and OpenTelemetry gave such metrics. */
export const processMetrics = (): readonly Metric[] => {
  const delay = new LoopDelay()
  /** What a reading of the loop's use is compared with. */
  let before = performance.eventLoopUtilization()
  return [
    state('counter', 'process_cpu_seconds_total', 'CPU time.', ['mode'], (record) => {
      const { user, system } = process.cpuUsage()
      record(['user'], user / 1e6)
      record(['system'], system / 1e6)
    }),
    single('gauge', 'process_start_time_seconds', 'Start of the process since 1970.', () =>
      Math.round(performance.timeOrigin / 1000),
    ),
    single('gauge', 'process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss()),
    single('gauge', 'process_open_fds', 'Open file descriptors.', openFiles),
    single('gauge', 'process_max_fds', 'File descriptors that may be open.', mostFiles),
    state(
      'counter',
      'process_disk_bytes_total',
      'Bytes read from and written to disks.',
      ['direction'],
      (record) => {
        const told = readProc('/proc/self/io')
        record(['read'], numberIn(told, /^read_bytes: (\d+)$/m))
        record(['write'], numberIn(told, /^write_bytes: (\d+)$/m))
      },
    ),
    state(
      'counter',
      'process_network_bytes_total',
      'Bytes that came and went over the interfaces of its network namespace, loopback apart.',
      ['direction'],
      (record) => {
        const { received, sent } = networkBytes(readProc('/proc/self/net/dev'))
        record(['receive'], received)
        record(['transmit'], sent)
      },
    ),
    state('gauge', 'nodejs_heap_space_used_bytes', "Use of V8's heap spaces.", ['space'], (record) => {
      for (const { space_name, space_used_size } of getHeapSpaceStatistics())
        record([space_name.replace(/_space$/, '')], space_used_size)
    }),
    state('gauge', 'nodejs_heap_space_size_bytes', "Size of V8's heap spaces.", ['space'], (record) => {
      for (const { space_name, space_size } of getHeapSpaceStatistics())
        record([space_name.replace(/_space$/, '')], space_size)
    }),
    single('gauge', 'nodejs_heap_size_used_bytes', 'Heap in use.', () => getHeapStatistics().used_heap_size),
    single(
      'gauge',
      'nodejs_heap_size_limit_bytes',
      'What the heap may grow to.',
      () => getHeapStatistics().heap_size_limit,
    ),
    single(
      'gauge',
      'nodejs_external_memory_bytes',
      'Memory outside of the heap.',
      () => getHeapStatistics().external_memory,
    ),
    single(
      'gauge',
      'nodejs_eventloop_utilization',
      'Share of the time since the last reading in which the loop was busy.',
      () => {
        const now = performance.eventLoopUtilization()
        const { utilization } = performance.eventLoopUtilization(now, before)
        before = now
        return utilization
      },
    ),
    ...delay.metrics(),
    garbageCollections,
    state(
      'gauge',
      'nodejs_active_resources',
      'What keeps the event loop alive, by type.',
      ['type'],
      (record) => {
        const byType = new Map<string, number>()
        for (const type of process.getActiveResourcesInfo()) byType.set(type, (byType.get(type) ?? 0) + 1)
        for (const [type, count] of byType) record([type], count)
      },
    ),
    state('gauge', 'nodejs_version_info', 'The version of Node.js.', ['version'], (record) =>
      record([process.version], 1),
    ),
  ]
}

const readProc = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not on this system, or not for this user.
    return ''
  }
}

const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)

const openFiles = (): number | undefined => {
  try {
    // Less the one that reads.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return undefined
  }
}

const mostFiles = (): number => numberIn(readProc('/proc/self/limits'), /^Max open files\s+(\d+)/m)

/** @param told `/proc/net/dev`: two lines of headings, then the received and eight columns later the sent bytes */
const networkBytes = (told: string): { readonly received: number; readonly sent: number } => {
  if (told === '') return { received: Number.NaN, sent: Number.NaN }
  let received = 0
  let sent = 0
  for (const line of told.split('\n').slice(2)) {
    const [name = '', ...columns] = line.trim().split(/[:\s]+/)
    if (name === '' || name === 'lo') continue
    received += Number(columns[0] ?? 0)
    sent += Number(columns[8] ?? 0)
  }
  return { received, sent }
}
