import assert from 'node:assert/strict'
import { once } from 'node:events'
import { METHODS, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { it } from 'node:test'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { metrics, timing } from '@millrace/timing'
import { tracing } from '@millrace/tracing'
import express from 'express'
import { z } from 'zod'
import { collectGarbage } from './garbage.ts'

const requests = 10_000 * Math.max(1, Number(process.env.MILLRACE_RUNS ?? 1))
const batch = 50
const mostSeries = 200
const methods = METHODS.filter((method) => method !== 'CONNECT')

const inspected = z.object({
  plugins: z.object({
    metrics: z.object({ series: z.number(), overflowed: z.record(z.string(), z.number()) }),
  }),
})

const serve = async (): Promise<{ server: Server; series: () => number }> => {
  const mill = millrace({
    plugins: [tracing(), timing(), metrics({ maxSeries: mostSeries, process: false })],
    routes: { '/**': { tracing: true, timing: true }, 'GET /metrics': { metrics: true } },
  })
  const app = express()
  app.use(mount(mill)())
  app.get('/users/:id', (_req, res) => void res.json({}))
  app.use((req, res) => {
    res.statusCode = 200 + (Number(/\d+/.exec(req.path)?.[0] ?? 0) % 400)
    res.end()
  })
  const server = app.listen(0)
  await once(server, 'listening')
  const series = (): number => inspected.parse(mill.inspect()).plugins.metrics.series
  return { server, series }
}

/** Of no two that are alike: method, path, query, host and what decides the status. */
const requestOf = (n: number): string => {
  const method = methods[n % methods.length]
  const path = n % 3 === 0 ? `/users/${n}` : `/${n}/${(n * 7919).toString(36)}?q=${n}`
  return `${method} ${path} HTTP/1.1\r\nHost: h${n}.example\r\nUser-Agent: u${n}\r\nContent-Length: 0\r\n\r\n`
}

const send = async (port: number, from: number, count: number): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  let text = ''
  for (let n = from; n < from + count - 1; n++) text += requestOf(n)
  socket.write(`${text}GET /users/last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
}

it(`${requests} requests of which no two are alike leave series and memory bounded`, async () => {
  const { server, series } = await serve()
  const { port } = server.address() as AddressInfo
  const sendAll = async (from: number, to: number): Promise<number> => {
    for (let n = from; n < to; n += 2 * batch)
      await Promise.all([send(port, n, batch), send(port, n + batch, batch)])
    await collectGarbage()
    return process.memoryUsage().heapUsed
  }
  try {
    const begun = await sendAll(0, requests / 2)
    const seriesThen = series()
    const ended = await sendAll(requests / 2, requests)
    assert.ok(ended - begun < 2 ** 20, `the heap grew by ${ended - begun} bytes`)
    assert.ok(series() - seriesThen < 50, `${seriesThen} series became ${series()}`)
    // Of how many metrics there are, each has at most its own.
    assert.ok(series() < 12 * mostSeries)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
