import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { after, before, describe, test } from 'node:test'
import * as expressMillrace from '../../express-cities/app.millrace.ts'
import * as expressPlain from '../../express-cities/app.ts'
import * as koaMillrace from '../../koa-cities/app.millrace.ts'
import * as koaPlain from '../../koa-cities/app.ts'
import { buildDatabase, Cities, queries } from '../src/index.ts'

interface Asked {
  readonly method?: string
  readonly path: string
  readonly body?: string
}

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

const ZURICH = '/cities/2657896'
const post = (path: string, body: unknown): Asked => ({ method: 'POST', path, body: JSON.stringify(body) })

/** Every kind of request, and the status and the part of the answer that show that it did what it should. */
const requests: readonly (Asked & { readonly status: number; readonly part: string | RegExp })[] = [
  { path: '/cities', status: 200, part: '{"cities":[{"id":1796236,"name":"Shanghai"' },
  { path: '/cities?limit=1', status: 200, part: /^\{"cities":\[\{[^{]+\}\]\}$/ },
  { path: '/cities?q=zurich', status: 200, part: '{"cities":[{"id":2657896,"name":"Zürich"' },
  { path: '/cities?q=z%C3%BCrich', status: 200, part: '"name":"Zürich"' },
  { path: '/cities?q=nowhere%20at%20all', status: 200, part: '{"cities":[]}' },
  { path: '/cities?near=47.37,8.54&limit=3', status: 200, part: '"distanceKm":' },
  { path: '/cities?q=paris&near=33.66,-95.55', status: 200, part: '{"cities":[{"id":4717560,' },
  { path: ZURICH, status: 200, part: '"countryName":"Switzerland"' },
  { method: 'HEAD', path: ZURICH, status: 200, part: /^$/ },
  { path: `${ZURICH}/neighbours`, status: 200, part: '"total":' },
  { path: `${ZURICH}/neighbours?radius=5`, status: 200, part: '"neighbours":[{' },
  { path: '/countries/CH/stats', status: 200, part: '"largest":[{"id":2657896,"name":"Zürich"' },
  { path: '/countries/ch/stats', status: 200, part: '{"country":"CH"' },
  { path: `${ZURICH}/visits`, status: 200, part: '"visits":0,"latest":null' },
  { ...post(`${ZURICH}/visits`, { visitor: 'Ada' }), status: 201, part: '"visits":1,"latest":"Ada"' },
  { path: `${ZURICH}/visits`, status: 200, part: '"visits":1,"latest":"Ada"' },
  { ...post(`${ZURICH}/visits`, { visitor: 'Ada' }), status: 201, part: '"visits":2,"latest":"Ada"' },
  { path: `${ZURICH}/visits`, status: 200, part: '"visits":2,"latest":"Ada"' },

  { path: '/', status: 404, part: 'There is nothing at /"' },
  { path: '/cities/1', status: 404, part: 'There is no city with the id 1"' },
  { path: '/cities/1/neighbours', status: 404, part: 'There is no city' },
  { ...post('/cities/1/visits', { visitor: 'Ada' }), status: 404, part: 'There is no city' },
  { path: '/countries/XX/stats', status: 404, part: 'There are no cities in a country XX' },

  { path: '/cities/one', status: 400, part: 'id: expected a whole number from 1 to 999999999' },
  { path: '/cities?q=%22', status: 400, part: 'q: expected at least one letter or digit' },
  { path: `/cities?q=${'x'.repeat(81)}`, status: 400, part: 'q: expected at most 80 characters' },
  { path: '/cities?limit=0', status: 400, part: 'limit: expected a whole number from 1 to 100' },
  { path: '/cities?limit=1&limit=2', status: 400, part: 'limit: expected a whole number from 1 to 100' },
  {
    path: '/cities?near=north',
    status: 400,
    part: 'near: expected a latitude and a longitude such as 47.37,8.54',
  },
  { path: '/cities?near=91,0', status: 400, part: 'near: expected a latitude' },
  {
    path: `${ZURICH}/neighbours?radius=9999`,
    status: 400,
    part: 'radius: expected a whole number from 1 to 500',
  },
  { path: '/countries/Switzerland/stats', status: 400, part: 'code: expected a two-letter code such as CH' },
  { ...post(`${ZURICH}/visits`, {}), status: 400, part: 'visitor: expected a name' },
  { ...post(`${ZURICH}/visits`, { visitor: ' ' }), status: 400, part: 'visitor: expected a name' },
  {
    method: 'POST',
    path: `${ZURICH}/visits`,
    body: '{"visitor":',
    status: 400,
    part: '"title":"Bad Request"',
  },
  { method: 'POST', path: `${ZURICH}/visits`, status: 400, part: '"title":"Bad Request"' },
]

/** An app of its own on a port of its own, with visits of its own. */
class Running {
  readonly cities = new Cities()
  readonly #server: Server

  constructor({ createApp }: { createApp(cities: Cities): { listen(port: number, host: string): Server } }) {
    this.#server = createApp(this.cities).listen(0, '127.0.0.1')
  }

  async ask({ method = 'GET', path, body }: Asked): Promise<Answered> {
    if (!this.#server.listening) await once(this.#server, 'listening')
    const address = this.#server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const json = body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...json })
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text: await response.text(),
    }
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
    this.cities.close()
  }
}

/** All of the answer but what Millrace adds to it, and the time. */
function bare({ status, headers, text }: Answered): Answered {
  const { date, age, 'server-timing': timing, 'cache-status': cache, ...rest } = headers
  return { status, headers: rest, text }
}

before(() => buildDatabase())

for (const [framework, plainApp, millraceApp] of [
  ['Express', expressPlain, expressMillrace],
  ['Koa', koaPlain, koaMillrace],
] as const) {
  describe(framework, () => {
    let plain: Running
    let millrace: Running
    before(() => {
      plain = new Running(plainApp)
      millrace = new Running(millraceApp)
    })
    after(() => {
      plain.stop()
      millrace.stop()
    })

    for (const { status, part, ...asked } of requests) {
      test(`${asked.method ?? 'GET'} ${asked.path.slice(0, 60)} ${asked.body ?? ''}`, async () => {
        const answered = await plain.ask(asked)
        assert.equal(answered.status, status)
        if (typeof part === 'string') assert.ok(answered.text.includes(part), answered.text)
        else assert.match(answered.text, part)
        const type = status < 400 ? 'application/json; charset=utf-8' : /^application\/problem\+json\b/
        if (typeof type === 'string') assert.equal(answered.headers['content-type'], type)
        else assert.match(answered.headers['content-type'] ?? '', type)

        const withMillrace = await millrace.ask(asked)
        assert.deepEqual(bare(withMillrace), bare(answered))
        assert.match(withMillrace.headers['server-timing'] ?? '', /\w/)
      })
    }

    test('what the table caches comes from the cache the second time, the same, and no handler runs', async () => {
      for (const path of [`${ZURICH}/neighbours?radius=7`, '/cities?q=geneva', '/countries/LI/stats']) {
        const first = await millrace.ask({ path })
        let handlerCalls = 0
        const count = (): void => {
          handlerCalls += 1
        }
        queries.subscribe(count)
        const second = await millrace.ask({ path })
        queries.unsubscribe(count)
        assert.match(first.headers['cache-status'] ?? '', /fwd=/)
        assert.match(second.headers['cache-status'] ?? '', /; hit\b/)
        assert.deepEqual(bare(second), bare(first))
        assert.deepEqual(bare(second), bare(await plain.ask({ path })))
        assert.equal(handlerCalls, 0)
      }
    })

    test('what it switches off does not', async () => {
      for (const asked of [{ path: `${ZURICH}/visits` }, post(`${ZURICH}/visits`, { visitor: 'Grace' })]) {
        await millrace.ask(asked)
        assert.doesNotMatch((await millrace.ask(asked)).headers['cache-status'] ?? '', /; hit\b/)
      }
      assert.match((await millrace.ask({ path: `${ZURICH}/visits` })).text, /"latest":"Grace"/)
    })
  })
}

test('both frameworks answer the same', async (t) => {
  const express = new Running(expressPlain)
  const koa = new Running(koaPlain)
  t.after(() => {
    express.stop()
    koa.stop()
  })
  for (const { status, part, ...asked } of requests) {
    const [a, b] = [await express.ask(asked), await koa.ask(asked)]
    // What is wrong with a body, each body parser says in its own words.
    const alike = asked.method === 'POST' && status === 400 ? { ...a, text: b.text } : a
    assert.deepEqual([b.status, b.text], [alike.status, alike.text], asked.path)
  }
})
