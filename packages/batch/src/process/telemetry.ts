import { counter, histogram, type Telemetry } from '@millrace/core'
import { progressed } from '../list/progress.ts'

/** What is told of every list in the process, when it is over. */
export const processTelemetry: Telemetry = {
  metrics: [
    counter(
      progressed,
      { name: 'millrace_batch_list_done_total', help: 'Items of lists that were done.', labels: ['list'] },
      ({ name }) => [name],
      ({ done, isOver }) => (isOver ? done : 0),
    ),
    counter(
      progressed,
      { name: 'millrace_batch_list_failed_total', help: 'Items of lists that failed.', labels: ['list'] },
      ({ name }) => [name],
      ({ failed, isOver }) => (isOver ? failed : 0),
    ),
    histogram(
      progressed,
      {
        name: 'millrace_batch_list_duration_seconds',
        help: 'How long lists took.',
        labels: ['list'],
        buckets: [0.1, 1, 10, 60, 600, 3600],
      },
      ({ name }) => [name],
      ({ duration, isOver }) => (isOver ? duration / 1000 : Number.NaN),
    ),
  ],
}
