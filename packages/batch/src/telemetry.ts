import { counter, Exchange, histogram, remarks, type StateMetric, type Telemetry } from '@millrace/core'
import { type Dispatched, dispatched, itemSettled, refused } from './events.ts'
import type { Inspected } from './stats.ts'

const labels = ['batch']
const labelsOf = ({ name }: { readonly name: string }): readonly string[] => [name]

const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

type State = 'waiting' | 'running' | 'max'

/** @param inspect what stands on routes and around calls, by their names */
export const telemetryOf = (inspect: () => Readonly<Record<string, Inspected>>): Telemetry => {
  const gauge = (state: State, name: string, help: string): StateMetric => ({
    kind: 'gauge',
    name,
    help,
    labels,
    read: (record) => {
      for (const [name, one] of Object.entries(inspect())) record([name], one[state])
    },
  })
  const count = (name: string, help: string, amountOf: (event: Dispatched) => number) =>
    counter(dispatched, { name, help, labels }, labelsOf, amountOf)

  return {
    metrics: [
      histogram(
        dispatched,
        { name: 'millrace_batch_size', help: 'Items in a batch.', labels, buckets: sizes },
        labelsOf,
        ({ size }) => size,
      ),
      histogram(
        dispatched,
        {
          name: 'millrace_batch_wait_seconds',
          help: 'Time that the first item of a batch waited until it went.',
          labels,
          buckets: seconds,
        },
        labelsOf,
        ({ wait }) => wait / 1000,
      ),
      histogram(
        dispatched,
        {
          name: 'millrace_batch_duration_seconds',
          help: 'Time that batches took, with everything that was tried.',
          labels,
          buckets: seconds,
        },
        labelsOf,
        ({ duration }) => duration / 1000,
      ),
      count('millrace_batch_retries_total', 'Batches that were run again.', ({ retries }) => retries),
      count('millrace_batch_splits_total', 'Batches that were run in halves.', ({ splits }) => splits),
      count('millrace_batch_errors_total', 'Items that failed.', ({ errors }) => errors),
      count(
        'millrace_batch_abandoned_total',
        'Items that nobody waited for any more when their batch had gone.',
        ({ abandoned }) => abandoned,
      ),
      counter(
        refused,
        {
          name: 'millrace_batch_refused_total',
          help: 'Loads that were turned away, by why.',
          labels: ['batch', 'reason'],
        },
        ({ name, why }) => [name, why],
      ),
      gauge('waiting', 'millrace_batch_waiting', 'Items that wait to go.'),
      gauge('running', 'millrace_batch_running', 'Batches that run.'),
      gauge('max', 'millrace_batch_max_size', 'Items that a batch takes at most, just now.'),
    ],
    remarks: [
      remarks(itemSettled, ({ key, keys, outcome, wait, duration, error }) => {
        if (!(key instanceof Exchange)) return undefined
        const [first] = keys
        return {
          name: 'batch',
          exchange: key,
          outcome,
          attributes: { 'batch.size': keys.length, 'batch.wait': wait },
          duration: wait + duration,
          ...(error !== undefined && { error }),
          ...(first instanceof Exchange && first !== key && { linked: first }),
        }
      }),
    ],
  }
}
