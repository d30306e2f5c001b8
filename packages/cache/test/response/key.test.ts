import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, type Reply, type RequestHeaders, reply } from '@millrace/core'
import type { CacheRule } from '../../src/index.ts'
import { counting, scene } from '../ask.ts'

interface Asked {
  readonly method?: string
  readonly url?: string
  readonly headers?: RequestHeaders
  readonly body?: Uint8Array
}

/** Whether what the first request brings answers the second. */
const meet = async (rule: CacheRule, first: Asked, second: Asked): Promise<boolean> => {
  const { ask } = scene({ ttl: '1m', ...rule })
  const { handler } = counting()
  await ask({ ...first, handler })
  return (await ask({ ...second, handler })).body === 'run 1'
}

const a = new TextEncoder().encode('a')
const long = '&x'.repeat(1000)

/** Two requests that a handler may tell apart, or that must not meet for another reason. */
const apart: readonly (readonly [what: string, rule: CacheRule, first: Asked, second: Asked])[] = [
  ['the case of a host', {}, { headers: { host: 'a.test' } }, { headers: { host: 'A.test' } }],
  ['a port', {}, { headers: { host: 'a.test' } }, { headers: { host: 'a.test:80' } }],
  ['a dot behind a host', {}, { headers: { host: 'a.test' } }, { headers: { host: 'a.test.' } }],
  [
    'a host beside an authority',
    {},
    { headers: { ':authority': 'a.test' } },
    { headers: { ':authority': 'a.test', host: 'b.test' } },
  ],
  [
    'an authority beside a host',
    {},
    { headers: { host: 'a.test' } },
    { headers: { ':authority': 'b.test', host: 'a.test' } },
  ],
  ['a forwarded host', {}, {}, { headers: { 'x-forwarded-host': 'b.test' } }],
  ['a forwarded scheme', {}, {}, { headers: { 'x-forwarded-proto': 'https' } }],
  ['a whole URL', { query: ['q'] }, { url: 'http://a.test/a?q=1' }, { url: '/a' }],
  ['a fragment before a parameter', { query: ['q'] }, { url: '/a?x=#&q=1' }, { url: '/a?q=1' }],
  ['a parameter that nobody reads', { query: ['q'] }, { url: `/a?x${long}&q=1` }, { url: '/a?q=1' }],
  ['the same, sorted', { query: 'sorted' }, { url: `/a?x${long}&q=1` }, { url: `/a?q=1&x${long}` }],
  ['a name in brackets', { query: ['q'] }, { url: '/a?q=1&[q]=2' }, { url: '/a?q=1' }],
  ['a name with brackets', { query: ['q'] }, { url: '/a?q=1&q[]=2' }, { url: '/a?q=1' }],
  ['an encoded name', { query: ['q'] }, { url: '/a?q=1&%71=2' }, { url: '/a?q=1' }],
  ['the order of one parameter', { query: 'sorted' }, { url: '/a?q=1&q[x]=2' }, { url: '/a?q[x]=2&q=1' }],
  ['a part of a parameter', { query: ['q[city]'] }, { url: '/a?q[city]=1' }, { url: '/a?q[city]=2' }],
  ['no credentials', { authorization: 'key' }, { headers: { authorization: '' } }, {}],
  [
    'the type of the content',
    { body: '1kb' },
    { method: 'POST', body: a, headers: { 'content-type': 'a:b' } },
    { method: 'POST', body: a, headers: { 'content-type': 'a', 'content-encoding': 'b' } },
  ],
  [
    'the way in which content came',
    { body: '1kb' },
    { method: 'POST', body: a, headers: { 'transfer-encoding': 'chunked' } },
    { method: 'POST', body: a },
  ],
  [
    'a method in a field',
    { body: '1kb' },
    { method: 'POST', body: a, headers: { 'x-http-method-override': 'DELETE' } },
    { method: 'POST', body: a },
  ],
  [
    'a user',
    { body: '1kb' },
    { method: 'POST', body: a, headers: { cookie: 'session=a' } },
    { method: 'POST', body: a, headers: { cookie: 'session=a' } },
  ],
  [
    'credentials',
    { body: '1kb' },
    { method: 'POST', body: a, headers: { authorization: 'a' } },
    { method: 'POST', body: a, headers: { authorization: 'a' } },
  ],
]

const together: readonly (readonly [what: string, rule: CacheRule, first: Asked, second: Asked])[] = [
  ['the order of parameters', { query: 'sorted' }, { url: '/a?b=1&a=2' }, { url: '/a?a=2&b=1' }],
  ['parameters outside the list', { query: ['q'] }, { url: '/a?q=1&utm=2' }, { url: '/a?x=3&q=1' }],
  ['the same content', { body: '1kb' }, { method: 'POST', body: a }, { method: 'POST', body: a }],
]

describe('the key of a request', () => {
  for (const [what, rule, first, second] of apart) {
    it(`knows ${what}`, async () => assert.equal(await meet(rule, first, second), false))
  }
  for (const [what, rule, first, second] of together) {
    it(`does not know ${what}`, async () => assert.equal(await meet(rule, first, second), true))
  }
})

describe('an isolated handler', () => {
  /** Shows all that it sees. */
  const handler = ({ url, headers }: Exchange): Reply => reply(200, {}, JSON.stringify({ url, headers }))
  const keyed = { host: 'a.test' }
  const hidden: readonly (readonly [what: string, rule: CacheRule, headers: RequestHeaders])[] = [
    ['any field', {}, { 'x-host': 'b.test', 'x-original-url': '/b', 'user-agent': 'a' }],
    ['the type of nothing', {}, { 'content-type': 'text/evil' }],
    ['ignored credentials', { authorization: 'ignore' }, { authorization: 'a' }],
    ['ignored cookies', { cookies: 'ignore' }, { cookie: 'session=a' }],
    ['cookies beside the named ones', { cookies: ['lang'] }, { cookie: 'session=a' }],
    ['parameters outside the list', { query: [] }, {}],
  ]
  for (const [what, rule, headers] of hidden) {
    for (const method of ['GET', 'HEAD']) {
      it(`does not see ${what} of a ${method}`, async () => {
        const { ask } = scene({ ttl: '1m', isolate: true, ...rule })
        let seen: unknown
        await ask({
          method,
          url: 'query' in rule ? '/a?utm=1' : '/a',
          headers: { ...keyed, ...headers },
          handler: (exchange) => {
            seen = { url: exchange.url, headers: { ...exchange.headers } }
            return handler(exchange)
          },
        })
        assert.deepEqual(seen, { url: '/a', headers: keyed })
      })
    }
  }

  it('sees no more when its reply is for one request alone', async () => {
    const { ask } = scene({ ttl: '1m', isolate: true })
    const answer = await ask({ headers: { ...keyed, range: 'bytes=0-1', 'x-host': 'b.test' }, handler })
    assert.equal(answer.body, JSON.stringify({ url: '/', headers: keyed }))
  })

  it('sees what is in the key', async () => {
    const { ask } = scene({
      ttl: '1m',
      isolate: true,
      authorization: 'key',
      cookies: ['lang'],
      vary: ['x-a'],
    })
    const headers = {
      ...keyed,
      'x-forwarded-host': 'b.test',
      'x-a': '1',
      authorization: 'a',
      cookie: 'lang=de',
    }
    const answer = await ask({ headers: { ...headers, 'x-b': '2' }, handler })
    assert.deepEqual(JSON.parse(answer.body).headers, headers)
  })
})
