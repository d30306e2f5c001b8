import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { describe, it } from 'node:test'
import { type BatchRule, batch } from '@millrace/batch'
import { cache } from '@millrace/cache'
import { type Exchange, millrace, reply } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { settled } from '@millrace/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'

/** A host whose own handler says `own`, and whose error handler says the error's status and message. */
type Host = (rule: BatchRule) => ReturnType<typeof createServer>

const millOf = (rule: BatchRule) =>
  millrace({
    plugins: [cache(), batch()],
    routes: { '/cities/:id': { batch: rule }, 'GET /cities/kept': { cache: '1m' } },
  })

interface Failure extends Error {
  readonly status?: number
}

interface ExpressLike {
  (...args: Parameters<Parameters<typeof createServer>[1] & object>): unknown
  use(...layers: unknown[]): unknown
  all(path: RegExp, handler: (req: unknown, res: express.Response) => void): unknown
}

const onExpress =
  (make: () => ExpressLike): Host =>
  (rule) => {
    const app = make()
    app.use(mountExpress(millOf(rule))())
    app.all(/.*/, (_req, res) => {
      res.send('own')
    })
    app.use(({ status = 500, message }: Failure, _req: unknown, res: express.Response, _next: unknown) => {
      res.status(status).send(message)
    })
    return createServer((req, res) => void app(req, res))
  }

const onKoa: Host = (rule) => {
  const app = new Koa()
  app.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const { status = 500, message } = error as Failure
      ctx.status = status
      ctx.body = message
    }
  })
  app.use(mountKoa(millOf(rule))())
  app.use((ctx) => {
    ctx.body = 'own'
  })
  return createServer(app.callback())
}

const hosts: Readonly<Record<string, Host>> = {
  'Express 5': onExpress(() => express()),
  'Express 4': onExpress(() => express4()),
  'Koa 3': onKoa,
}

interface Answer {
  readonly status: number
  readonly type: string | undefined
  readonly body: string
}

interface Served {
  /** @param signal the client leaves */
  ask(
    path: string,
    options?: { readonly method?: string; readonly body?: string; readonly signal?: AbortSignal },
  ): Promise<Answer>
}

const serve = async (host: Host, rule: BatchRule, use: (served: Served) => Promise<void>): Promise<void> => {
  const server = host(rule).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  try {
    await use({
      async ask(path, { method = 'GET', body = '', signal } = {}) {
        const sent = request({ port, host: '127.0.0.1', path, method, ...(signal && { signal }) }).end(body)
        const [answer] = await once(sent, 'response')
        let text = ''
        for await (const chunk of answer) text += chunk
        return { status: answer.statusCode, type: answer.headers['content-type'], body: text }
      },
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Enough for so many requests to be there, and not for a clock to be waited for: what is full goes at once. */
const full = (max: number) => ({ window: '10s', max }) as const

const idsOf = (exchanges: readonly Exchange[]): readonly (string | undefined)[] =>
  exchanges.map(({ params }) => params['id'])

for (const [name, host] of Object.entries(hosts)) {
  describe(`a batch on ${name}`, () => {
    it('answers each of the requests that came together', async () => {
      const seen: (readonly (string | undefined)[])[] = []
      const handler: BatchRule['handler'] = async (exchanges) => {
        seen.push(idsOf(exchanges).toSorted())
        return exchanges.map(({ params }) => ({ id: params['id'] }))
      }
      await serve(host, { ...full(5), handler }, async ({ ask }) => {
        const ids = ['1', '2', '3', '4', '5']
        const answers = await Promise.all(ids.map((id) => ask(`/cities/${id}`)))
        assert.deepEqual(
          answers.map(({ body }) => JSON.parse(body).id),
          ids,
        )
        assert.ok(answers.every(({ type }) => type === 'application/json; charset=utf-8'))
        assert.deepEqual(seen, [ids])
        assert.equal((await ask('/else')).body, 'own')
      })
    })

    it('a mistake in one is that one’s error; what is left out is the route’s own', async () => {
      const handler: BatchRule['handler'] = async (exchanges) =>
        idsOf(exchanges).map((id) => {
          if (id === 'bad') return new Error('this one')
          if (id === 'gone') return reply(410, { 'content-type': 'text/plain' }, 'gone')
          return id === 'own' ? undefined : id
        })
      await serve(host, { ...full(4), handler }, async ({ ask }) => {
        const answers = await Promise.all(['good', 'bad', 'gone', 'own'].map((id) => ask(`/cities/${id}`)))
        assert.deepEqual(
          answers.map(({ status, body }) => [status, body]),
          [
            [200, '"good"'],
            [500, 'this one'],
            [410, 'gone'],
            [200, 'own'],
          ],
        )
      })
    })

    it('a wrong number of answers is an error of each of them', async () => {
      await serve(host, { ...full(2), handler: () => [1] }, async ({ ask }) => {
        const answers = await Promise.all([ask('/cities/1'), ask('/cities/2')])
        for (const { status, body } of answers) {
          assert.equal(status, 500)
          assert.match(body, /expected an array of 2 results, one for each item in order, got 1/)
        }
      })
    })

    it('a client that leaves hurts nobody else, and when all have left the batch is told', async () => {
      const { promise: begun, resolve: begin } = Promise.withResolvers<AbortSignal>()
      const { promise: go, resolve: goOn } = Promise.withResolvers<void>()
      const handler: BatchRule['handler'] = async (exchanges, { signal }) => {
        begin(signal)
        await go
        return idsOf(exchanges)
      }
      await serve(host, { ...full(2), handler }, async ({ ask }) => {
        const leaving = new AbortController()
        const gone = assert.rejects(ask('/cities/1', { signal: leaving.signal }))
        const stays = ask('/cities/2')
        const signal = await begun
        leaving.abort()
        await gone
        for (let i = 0; i < 20; i++) await settled()
        assert.equal(signal.aborted, false)
        goOn()
        assert.equal((await stays).body, '"2"')
      })

      const { promise: alone, resolve: start } = Promise.withResolvers<AbortSignal>()
      const hung: BatchRule['handler'] = (_, { signal }) => {
        start(signal)
        return new Promise(() => undefined)
      }
      await serve(host, { ...full(1), handler: hung }, async ({ ask }) => {
        const leaving = new AbortController()
        const gone = assert.rejects(ask('/cities/1', { signal: leaving.signal }))
        const signal = await alone
        leaving.abort()
        await gone
        if (!signal.aborted) await once(signal, 'abort')
      })
    })

    it('as many as may wait: the next is told 503', async () => {
      const { promise: go, resolve: goOn } = Promise.withResolvers<void>()
      const handler: BatchRule['handler'] = async (exchanges) => {
        await go
        return idsOf(exchanges)
      }
      await serve(host, { window: 'turn', max: 1, concurrency: 1, queue: 1, handler }, async ({ ask }) => {
        const answers = [1, 2, 3, 4].map((id) => ask(`/cities/${id}`))
        // One runs, one waits.
        const first = await Promise.race(answers)
        assert.equal(first.status, 503)
        goOn()
        const statuses = (await Promise.all(answers)).map(({ status }) => status)
        assert.ok(statuses.includes(200))
      })
    })

    it('the handler can read what clients send, and a HEAD gets no body', async () => {
      const handler: BatchRule['handler'] = async (exchanges) =>
        Promise.all(
          exchanges.map(async (exchange) => {
            const content = await exchange.content(1000)
            return { method: exchange.method, said: content && new TextDecoder().decode(content) }
          }),
        )
      await serve(host, { ...full(2), handler }, async ({ ask }) => {
        const [post, head] = await Promise.all([
          ask('/cities/1', { method: 'POST', body: 'hello' }),
          ask('/cities/2', { method: 'HEAD' }),
        ])
        assert.deepEqual(JSON.parse(post.body), { method: 'POST', said: 'hello' })
        assert.deepEqual([head.status, head.body], [200, ''])
      })
    })

    it('what the cache has does not come to it', async () => {
      let batches = 0
      const handler: BatchRule['handler'] = (exchanges) => {
        batches++
        return exchanges.map(() => 'city')
      }
      await serve(host, { handler }, async ({ ask }) => {
        assert.equal((await ask('/cities/kept')).body, '"city"')
        assert.equal((await ask('/cities/kept')).body, '"city"')
        assert.equal(batches, 1)
      })
    })
  })
}
