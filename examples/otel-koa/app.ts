import Router from '@koa/router'
import { cache, memory } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/koa'
import { traceHeaders, traceMixin, tracing } from '@millrace/tracing'
import { findPrice, priceIn, type Shop } from '@millrace-examples/otlp'
import Koa from 'koa'
import { type DestinationStream, pino } from 'pino'

/** @param lines where the log goes; default the standard output */
export const createShop = (lines?: DestinationStream): Shop => {
  const mill = millrace({
    plugins: [tracing({ metrics: true }), cache({ tiers: [memory()] })],
    routes: {
      '/**': { tracing: true },
      'GET /prices/:tea': { cache: '1m' },
      // One in a hundred, and all that fail.
      'GET /stock/:tea': { tracing: { sample: 0.01, keep: { errors: true } } },
    },
    calls: { '**': { tracing: true } },
  })
  const priceOf = mill.wrap('price.find', findPrice)
  const log = pino({ mixin: traceMixin() }, lines ?? pino.destination(1))

  const app = new Koa()
  app.use(mount(mill)())
  app.on('error', (error) => log.error(error))

  const prices = new Router()
  prices.get('/:tea', async (ctx) => {
    const { tea = '' } = ctx.params
    const price = await priceOf(tea)
    log.info({ tea, price }, 'price asked for')
    if (price !== undefined) ctx.body = { tea, price }
  })

  const router = new Router()
  router.use('/prices', prices.routes())

  // Asks another service, which happens to be this one.
  router.get('/baskets/:teas', async (ctx) => {
    const { teas = '' } = ctx.params
    const asked = teas.split(',').map(async (tea) => {
      const url = `http://127.0.0.1:${ctx.socket.localPort}/prices/${tea}`
      const res = await fetch(url, { headers: traceHeaders() })
      return priceIn(await res.json())
    })
    ctx.body = { total: (await Promise.all(asked)).reduce((sum, price) => sum + price, 0) }
  })

  router.get('/stock/:tea', async (ctx) => {
    const { tea = '' } = ctx.params
    ctx.body = { isThere: (await priceOf(tea)) !== undefined }
  })

  app.use(router.routes())
  return { listen: (port, host) => app.listen(port, host), stop: () => mill.stop() }
}
