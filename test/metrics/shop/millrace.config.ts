import { cache } from '@millrace/cache'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { metrics, timing } from '@millrace/timing'
import { tracing } from '@millrace/tracing'

export const shop = (): Millrace<readonly AnyPlugin[]> =>
  millrace({
    plugins: [tracing(), timing(), metrics(), cache()],
    routes: {
      '/**': { tracing: true, timing: true },
      '/cities/:id': { cache: '1h', timing: { objective: { availability: 99.9, latency: '250ms' } } },
      '/metrics': { metrics: true, tracing: false, timing: false },
    },
  })

export const mill: Millrace<readonly AnyPlugin[]> = shop()
