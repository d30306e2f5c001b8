import cluster from 'node:cluster'
import { once } from 'node:events'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { metrics, relayMetrics, timing } from '@millrace/timing'
import express from 'express'

/** An app of two workers, each on a port of its own, so that a test knows whom it asks. Tells both ports. */
if (cluster.isPrimary) {
  relayMetrics()
  const ports: number[] = []
  for (let i = 0; i < 2; i++) {
    const worker = cluster.fork()
    worker.on('message', (message: unknown) => {
      if (typeof message !== 'number') return
      ports.push(message)
      if (ports.length === 2) process.send?.(ports)
    })
  }
  process.on('disconnect', () => process.exit())
} else {
  const mill = millrace({
    plugins: [timing(), metrics()],
    routes: { '/**': { timing: true }, '/metrics': { timing: false, metrics: true } },
  })
  const app = express()
  app.use(mount(mill)())
  app.get('/cities/:id', (_req, res) => {
    res.send('a city')
  })
  // What a cluster shares is the port 0 as well, unless it is asked for exclusively.
  const server = app.listen({ port: 0, host: '127.0.0.1', exclusive: true })
  await once(server, 'listening')
  await mill.start()
  const address = server.address()
  process.send?.(typeof address === 'object' ? address?.port : 0)
}
