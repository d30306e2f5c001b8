import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { describe, it } from 'node:test'
import { fakeExchange } from '@millrace/testing'
import {
  type ContentTransform,
  channel,
  compose,
  derive,
  failed,
  HandlerAlreadyRanError,
  HeaderMap,
  type Layer,
  reply,
} from '../src/index.ts'

describe('derive', () => {
  it('is the same exchange but for its signal', async () => {
    const exchange = fakeExchange({
      method: 'PUT',
      url: '/a?b=1',
      headers: { host: 'h' },
      params: { id: '5' },
      route: '/:id',
      preset: { 'x-set': 'before' },
    })
    const { signal } = new AbortController()
    const derived = derive(exchange, { signal })
    assert.equal(derived.signal, signal)
    assert.notEqual(exchange.signal, signal)
    assert.deepEqual(
      [
        derived.method,
        derived.url,
        derived.path,
        derived.route,
        derived.params.id,
        derived.headers['host'],
        derived.query.get('b'),
      ],
      ['PUT', '/a?b=1', '/a', '/:id', '5', 'h', '1'],
    )
    assert.equal(derived.preset, exchange.preset)
    assert.equal(derived.client, exchange.client)
    assert.equal(derived.done, exchange.done)
    assert.equal((await derived.handle()).status, 200)
    await assert.rejects(derived.handle(), HandlerAlreadyRanError)
  })

  it('makes a signal when it is asked for', () => {
    let made = 0
    const derived = derive(fakeExchange(), {
      signal: () => {
        made++
        return new AbortController().signal
      },
    })
    assert.equal(made, 0)
    assert.equal(derived.signal, derived.signal)
    assert.equal(made, 1)
  })

  it('is the same exchange but for its header fields', () => {
    const exchange = fakeExchange({ headers: { host: 'h', range: 'bytes=0-1' } })
    const headers = { ...exchange.headers, range: undefined }
    const derived = derive(exchange, { headers })
    assert.equal(derived.headers, headers)
    assert.equal(derived.signal, exchange.signal)
    assert.deepEqual(exchange.headers, { host: 'h', range: 'bytes=0-1' })
  })

  it('is the same exchange but for its query', async () => {
    const exchange = fakeExchange({
      url: '/a?b=1&c=2',
      handler: ({ url, query }) => reply(200, { seen: `${url} ${query}` }),
    })
    const derived = derive(exchange, { url: '/a?c=2' })
    assert.deepEqual([derived.url, derived.path, derived.query.toString()], ['/a?c=2', '/a', 'c=2'])
    assert.deepEqual([exchange.url, exchange.query.toString()], ['/a?b=1&c=2', 'b=1&c=2'])
    assert.equal(derive(derived, { url: '/a' }).query.size, 0)
    assert.equal((await derived.handle()).headers.get('seen'), '/a?c=2 c=2')
    for (const url of ['', '?b=1', '/', '/a/', '/b?c=2', 'http://h/a?c=2'])
      assert.throws(() => derive(exchange, { url }), TypeError)
  })

  it('can be derived from again', () => {
    const first = derive(fakeExchange({ url: '/a' }), { signal: AbortSignal.abort() })
    const { signal } = new AbortController()
    const second = derive(first, { signal })
    assert.equal(second.signal, signal)
    assert.equal(first.signal.aborted, true)
    assert.equal(second.url, '/a')
  })
})

describe('derived content', () => {
  const upper: ContentTransform = async function* (sent) {
    for await (const chunk of sent) yield Buffer.from(String(chunk).toUpperCase())
  }
  const twice: ContentTransform = async function* (sent) {
    for await (const chunk of sent) {
      yield chunk
      yield chunk
    }
  }
  const exchange = fakeExchange({ headers: { host: 'h', 'content-length': '3' }, body: Buffer.from('abc') })

  it('is of a length that is not known, and other fields may be given with it', async () => {
    const derived = derive(exchange, { content: twice })
    assert.deepEqual({ ...derived.headers }, { host: 'h', 'content-length': undefined, ...chunked })
    const other = derive(exchange, { content: twice, headers: { 'content-length': '3', 'x-own': '1' } })
    assert.deepEqual({ ...other.headers }, { 'content-length': undefined, 'x-own': '1', ...chunked })
    assert.equal(exchange.headers['content-length'], '3')
  })

  it('is made of what the exchange has that it is derived of', async () => {
    const first = derive(exchange, { content: upper })
    const second = derive(derive(first, { headers: {} }), { content: twice })
    assert.equal(String(await second.content(6)), 'ABCABC')
    assert.equal(await second.content(5), undefined)
    assert.equal(String(await first.content(5)), 'ABC')
    assert.equal(String(await exchange.content(5)), 'abc')
  })
})

const chunked = { 'transfer-encoding': 'chunked' }

describe('compose', () => {
  it('puts the first layer outermost, and each may change what goes in and what comes out', async () => {
    const wrap =
      (name: string): Layer<string, string> =>
      async (input, next) =>
        `${name}(${await next(`${input}${name}`)})`
    const run = compose([wrap('a'), wrap('b'), wrap('c')], async (input) => input)
    assert.equal(await run('>'), 'a(b(c(>abc)))')
    assert.equal(await compose([], async (input: string) => input)('x'), 'x')
  })

  it('lets a layer answer by itself, or go on twice', async () => {
    let runs = 0
    const handler = async (): Promise<number> => ++runs
    assert.equal(await compose([async () => 7], handler)(undefined), 7)
    assert.equal(runs, 0)
    assert.equal(
      await compose([async (input, next) => (await next(input)) + (await next(input))], handler)(undefined),
      3,
    )
  })
})

describe('a reply', () => {
  it('is made of anything a layer has at hand', () => {
    const { status, headers, body } = reply(404, { 'Content-Type': 'text/plain' }, 'né')
    assert.equal(status, 404)
    assert.deepEqual(headers.raw, ['Content-Type', 'text/plain'])
    assert.deepEqual(body, new Uint8Array([110, 195, 169]))
    const map = new HeaderMap(['A', '1'])
    assert.equal(reply(204, map).headers, map)
    assert.equal(reply(204).body, null)
  })

  it('has failed from 500 on', () => {
    assert.deepEqual(
      [200, 304, 404, 499, 500, 503, 599].filter((status) => failed({ status })),
      [500, 503, 599],
    )
  })
})

describe('a channel', () => {
  it('is the diagnostics channel of its name', (t) => {
    const lookups = channel<{ readonly n: number }>('millrace:test:lookup')
    const heard: unknown[] = []
    assert.equal(lookups.hasSubscribers, false)
    const listen = (message: unknown): void => {
      heard.push(message)
    }
    diagnostics.subscribe('millrace:test:lookup', listen)
    t.after(() => diagnostics.unsubscribe('millrace:test:lookup', listen))
    assert.equal(lookups.hasSubscribers, true)
    lookups.publish({ n: 1 })
    assert.deepEqual(heard, [{ n: 1 }])
    assert.equal(lookups.name, 'millrace:test:lookup')
  })

  it('tells its subscribers until they leave', () => {
    const events = channel<number>('millrace:test:count')
    const heard: string[] = []
    const leaveA = events.subscribe((n) => heard.push(`a${n}`))
    const leaveB = events.subscribe((n) => heard.push(`b${n}`))
    events.publish(1)
    leaveA()
    leaveA()
    events.publish(2)
    leaveB()
    events.publish(3)
    assert.deepEqual(heard, ['a1', 'b1', 'b2'])
    assert.equal(events.hasSubscribers, false)
  })
})
