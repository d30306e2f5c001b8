import { setTimeout as wait } from 'node:timers/promises'
import express, { type Express } from 'express'
import type { Pool } from './pool.ts'

/** What a thing costs; null where that is not known just now. */
export type Price = (id: string) => Promise<number | null>

/**
 * A shop. An order needs the database alone; a quote also needs a price, which another service knows, and keeps its
 * connection while it asks. So when that service stands still, orders have no connections either.
 */
export function createApp(pool: Pool, price: Price): Express {
  const app = express()

  app.get('/orders/:id', async (req, res) => {
    await pool.use(() => wait(5))
    res.json({ order: req.params.id })
  })

  app.get('/quotes/:id', async (req, res) => {
    const { id } = req.params
    res.json({ quote: id, price: await pool.use(() => price(id)) })
  })

  return app
}
