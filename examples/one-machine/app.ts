import type { Cache } from '@millrace/cache'
import express, { type Express } from 'express'
import type { Notes } from './notes.ts'

export function createApp(cache: Cache, notes: Notes): Express {
  const app = express()
  app.use(express.text())
  app.use((_req, res, next) => {
    res.set('X-Worker', String(process.pid))
    next()
  })

  app.get('/notes/:id', async (req, res) => {
    const { id } = req.params
    const note = await cache.getOrSet(['note', id], () => notes.read(id))
    if (note === undefined) res.sendStatus(404)
    else res.json(note)
  })

  app.put('/notes/:id', async (req, res) => {
    const { id } = req.params
    await notes.write(id, String(req.body))
    await cache.delete(['note', id])
    res.sendStatus(204)
  })

  return app
}
