import { compress } from '@millrace/compress'
import { type Millrace, millrace } from '@millrace/core'
import { metrics, timing } from '@millrace/timing'
import { tracing } from '@millrace/tracing'
import { exporting } from './exporting.ts'

/** Every request counted and its time kept in histograms, with a page to scrape. */
export const withMetrics = (): Millrace =>
  millrace({
    plugins: [timing(), metrics()],
    routes: { '/**': { timing: { expose: 'nobody' } }, 'GET /metrics': { metrics: true } },
  })

/** The same, and each reply tells its time. */
export const withTimesShown = (): Millrace =>
  millrace({
    plugins: [timing(), metrics()],
    routes: { '/**': { timing: { responseTime: true } }, 'GET /metrics': { metrics: true } },
  })

/** A span for each request that is chosen, exported in batches. */
export const withTracing = (sample: number): Millrace => {
  exporting()
  return millrace({ plugins: [tracing()], routes: { '/**': { tracing: { sample } } } })
}

/** What an ordinary stack has: compression, traces of one in ten, metrics, times. */
export const withAll = (): Millrace => {
  exporting()
  return millrace({
    plugins: [tracing(), timing(), metrics(), compress()],
    routes: {
      '/**': { tracing: { sample: 0.1 }, timing: { responseTime: true }, compress: true },
      'GET /metrics': { metrics: true },
    },
  })
}
