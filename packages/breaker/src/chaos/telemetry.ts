import { counter, remarks, type Telemetry } from '@millrace/core'
import { injected } from './events.ts'

export const telemetry: Telemetry = {
  metrics: [
    counter(
      injected,
      {
        name: 'millrace_chaos_injected_total',
        help: 'Faults that were injected on purpose, by route or call.',
        labels: ['at', 'fault'],
      },
      ({ at, fault }) => [at, fault],
    ),
  ],
  remarks: [
    remarks(injected, ({ fault, exchange, latency }) => ({
      name: 'chaos',
      outcome: fault,
      ...(exchange !== undefined && { exchange }),
      ...(latency !== undefined && { attributes: { 'chaos.latency': latency } }),
    })),
  ],
}
