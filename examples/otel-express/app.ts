import { cache, memory } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { traceHeaders, traceMixin, tracing } from '@millrace/tracing'
import { findPrice, priceIn, type Shop } from '@millrace-examples/otlp'
import express, { type ErrorRequestHandler } from 'express'
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

  const app = express()
  app.use(mount(mill)())

  const prices = express.Router()
  prices.get('/:tea', async (req, res) => {
    const { tea } = req.params
    const price = await priceOf(tea)
    log.info({ tea, price }, 'price asked for')
    if (price === undefined) res.sendStatus(404)
    else res.json({ tea, price })
  })
  app.use('/prices', prices)

  // Asks another service, which happens to be this one.
  app.get('/baskets/:teas', async (req, res) => {
    const asked = req.params.teas.split(',').map(async (tea) => {
      const url = `http://127.0.0.1:${req.socket.localPort}/prices/${tea}`
      const res = await fetch(url, { headers: traceHeaders() })
      return priceIn(await res.json())
    })
    res.json({ total: (await Promise.all(asked)).reduce((sum, price) => sum + price, 0) })
  })

  app.get('/stock/:tea', async (req, res) => {
    res.json({ isThere: (await priceOf(req.params.tea)) !== undefined })
  })

  const answerError: ErrorRequestHandler = (error, _req, res, _next) => {
    log.error(error)
    res.sendStatus(500)
  }
  app.use(answerError)
  return { listen: (port, host) => app.listen(port, host), stop: () => mill.stop() }
}
