import './threadpool.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, describe, it } from 'node:test'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import compression from 'compression'
import express from 'express'
import Koa from 'koa'
import { type Client, rawClient } from './client.ts'
import { share } from './effort.ts'
import { portOf } from './execute.ts'
import { http2Client } from './http2-client.ts'
import { ask } from './program.ts'
import { quiet } from './quiet.ts'
import { bare, variants, type Wrapping } from './variants.ts'

/** Repeats itself too late for a compressor to notice. */
const chunk = randomBytes(64 * 1024)
const chunks = 384

/** 24 MB, and how much of it has been made. */
class Source {
  made = 0

  /** As a stream. */
  readable(): Readable {
    let left = chunks
    const made = (): void => {
      this.made += chunk.byteLength
    }
    return new Readable({
      highWaterMark: chunk.byteLength,
      read() {
        if (left-- === 0) this.push(null)
        else {
          made()
          this.push(chunk)
        }
      },
    })
  }

  /** By hand, as the documentation says. */
  write(res: ServerResponse): void {
    let left = chunks
    const go = (): void => {
      while (left > 0) {
        left--
        this.made += chunk.byteLength
        if (!res.write(chunk)) {
          res.once('drain', go)
          return
        }
      }
      res.end()
    }
    go()
  }
}

type Answer = (req: IncomingMessage, res: ServerResponse, source: Source) => void

const piped: Answer = (_req, res, source) => {
  source.readable().pipe(res)
}
const pipelined: Answer = (_req, res, source) => {
  pipeline(source.readable(), res).catch(() => undefined)
}
const written: Answer = (_req, res, source) => source.write(res)

type App = (req: IncomingMessage, res: ServerResponse) => void

const outside = (app: App, { outside }: Wrapping): App =>
  outside.reduceRight<App>((inner, mill) => listener(mill, inner), app)

const onNode =
  (answer: Answer) =>
  (source: Source, { outside, inside }: Wrapping): App =>
    [...outside, ...inside].reduceRight<App>(
      (app, mill) => listener(mill, app),
      (req, res) => answer(req, res, source),
    )

const onExpress =
  (answer: Answer) =>
  (source: Source, wrapping: Wrapping): App => {
    const app = express()
    for (const mill of wrapping.inside) app.use(mountExpress(mill)())
    app.get('/at', (req, res) => answer(req, res, source))
    return outside(app, wrapping)
  }

/** Its compressor has a `drain` of its own, which it gives to who listens to the response's. */
const onCompression =
  (answer: Answer) =>
  (source: Source, wrapping: Wrapping): App => {
    const app = express()
    const [first, ...rest] = wrapping.inside
    if (first) app.use(mountExpress(first)())
    app.use(compression({ filter: () => true }))
    for (const mill of rest) app.use(mountExpress(mill)())
    app.get('/at', (req, res) => answer(req, res, source))
    return outside(app, wrapping)
  }

const onKoa = (source: Source, wrapping: Wrapping): App => {
  const app = new Koa()
  for (const mill of wrapping.inside) app.use(mountKoa(mill)())
  app.use((ctx) => {
    ctx.body = source.readable()
  })
  return outside(app.callback(), wrapping)
}

interface Hall {
  /** Starts an app, and a client that asks it and then does not read. */
  open(app: App, activity: () => void): Promise<Client>
}

const http1 = (): Hall => {
  let playing: App | undefined
  const server = createServer((req, res) => playing?.(req, res))
  after(() => server.close())
  const listening = portOf(server)
  return {
    async open(app, activity) {
      playing = app
      return rawClient(await listening, activity, false)
    },
  }
}

const http2 = (): Hall => {
  let playing: App | undefined
  const server = createHttp2Server((req, res) => {
    if (playing) Reflect.apply(playing, undefined, [req, res])
  })
  after(() => server.close())
  const listening = portOf(server)
  return {
    async open(app, activity) {
      playing = app
      return http2Client(await listening, activity)
    },
  }
}

const gzip = ['Accept-Encoding', 'gzip'] as const

const hosts = [
  ['pipe on node:http', http1(), onNode(piped)],
  ['pipeline on node:http', http1(), onNode(pipelined)],
  ['writes on node:http', http1(), onNode(written)],
  ['pipe on Express 5', http1(), onExpress(piped)],
  ['writes on Express 5', http1(), onExpress(written)],
  ['pipe between compression and Millraces', http1(), onCompression(piped)],
  ['compressed writes between Millraces', http1(), onCompression(written), gzip],
  ['a stream on Koa 3', http1(), onKoa],
  ['pipe on node:http2', http2(), onNode(piped)],
] as const

describe('a client that reads slowly', () => {
  for (const [turn, [name, hall, build, ...fields]] of hosts.entries()) {
    const play = async (
      wrapping: Wrapping,
    ): Promise<{ readonly ahead: number; readonly received: number }> => {
      const source = new Source()
      let activity = 0
      const client = await hall.open(build(source, wrapping), () => activity++)
      const calm = (): Promise<void> => quiet(() => activity + source.made)
      try {
        client.send([ask({ fields })])
        client.hold()
        await calm()
        const ahead = source.made - client.bytes
        client.resume()
        await calm()
        return { ahead, received: client.bytes }
      } finally {
        client.leave()
      }
    }

    it(name, async () => {
      const expected = await play(bare)
      for (const variant of share(variants, turn, 5)) {
        const shown = await play(variant)
        assert.ok(
          shown.received >= chunks * chunk.byteLength,
          `${variant.name}: the client got ${shown.received} bytes`,
        )
        // What layers and their generators may have in hand.
        assert.ok(
          shown.ahead <= expected.ahead + 1_000_000,
          `${variant.name}: ${shown.ahead} bytes were made ahead, ${expected.ahead} without`,
        )
      }
    })
  }
})
