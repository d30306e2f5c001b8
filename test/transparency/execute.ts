import { createServer, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import { type Client, rawClient } from './client.ts'
import { watchFaults } from './faults.ts'
import { type App, type Http2App, isProbe, probe } from './hosts.ts'
import { http2Client } from './http2-client.ts'
import type { Program } from './program.ts'
import { Run, type Transcript } from './run.ts'
import type { Variant } from './variants.ts'

type Build<A> = (program: Program, run: Run, variant: Variant) => A

/** Performs programs on one kind of host. */
export type Theatre = (program: Program, variant: Variant, expected?: Transcript) => Promise<Transcript>

/** What the response's watcher and the app are given for a request that belongs to a run. */
interface Playing<A> {
  readonly run: Run
  readonly program: Program
  readonly app: A
}

/** However slow the machine is, a connection stays open for what else is asked on it. */
export const patient = { keepAliveTimeout: 3_600_000 }

/** Programs on HTTP/1, each on a connection of its own. */
export const http1Theatre = (build: Build<App>): Theatre => {
  let playing: Playing<App> | undefined
  const answer: App = (req, res) => {
    if (!playing) return
    const { run, program, app } = playing
    if (!isProbe(req)) {
      run.watch(res)
      if (program.listens) res.on('error', (error: Error) => run.event(`error ${error.message}`))
    }
    app(req, res)
  }
  const server = createServer(patient, answer)
  server.on('checkContinue', (req, res) => {
    if (req.headers['x-continues'] === undefined) res.writeContinue()
    answer(req, res)
  })
  return theatre(server, build, rawClient, (next) => {
    playing = next
  })
}

/** Programs on HTTP/2. */
export const http2Theatre = (build: Build<Http2App>): Theatre => {
  let playing: Playing<Http2App> | undefined
  const server = createHttp2Server((req, res) => {
    if (!playing) return
    const { run, program, app } = playing
    if (!isProbe(req)) {
      run.watch(res)
      if (program.listens) res.on('error', (error: Error) => run.event(`error ${error.message}`))
    }
    app(req, res)
  })
  server.on('sessionError', () => undefined)
  return theatre(server, build, http2Client, (next) => {
    playing = next
  })
}

/** The port that a server has got, once it listens. */
export const portOf = (server: Server | Http2Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })

const theatre = <A>(
  server: Server | Http2Server,
  build: Build<A>,
  open: (port: number, activity: () => void) => Client,
  play: (playing: Playing<A> | undefined) => void,
): Theatre => {
  const listening = portOf(server)
  after(() => server.close())
  return async (program, variant, expected) => {
    const port = await listening
    const run = new Run(variant.view, expected)
    const unwatch = watchFaults((fault) => run.fault(fault))
    play({ run, program, app: build(program, run, variant) })
    const client = open(port, run.active)
    run.client = client
    try {
      client.send([program.ask])
      await run.finish()
      // The connection has to be as good for the next request; Node's parser is not when something was thrown through it.
      if (client.ended === 'no' && run.faults.length === 0) {
        client.send([probe])
        await run.finish()
      }
      client.leave()
      await run.finish()
    } finally {
      client.leave()
      unwatch()
      play(undefined)
    }
    return run.transcript()
  }
}
