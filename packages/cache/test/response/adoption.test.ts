import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Reply, type RequestHeaders, reply } from '@millrace/core'
import type { CacheRule } from '../../src/index.ts'
import { scene } from '../ask.ts'

interface Row {
  readonly rule?: CacheRule
  readonly method?: string
  readonly status?: number
  readonly fields?: Readonly<Record<string, string>>
  readonly headers?: RequestHeaders
}

const said = { 'Content-Location': '/a', 'Cache-Control': 'max-age=60' }

/** What a later `GET` gets: the reply to the `POST`, or one of its own. */
const after = async ({ rule = {}, method = 'POST', status = 200, fields = said, headers }: Row) => {
  const { ask } = scene(rule)
  await ask({ url: '/a', headers: { host: 'h' }, handler: () => reply(200, { ...said }, 'old') })
  const posted = await ask({
    method,
    url: '/a',
    headers: { host: 'h', 'content-length': '1', ...headers },
    body: new Uint8Array(1),
    handler: (): Reply => reply(status, fields, 'posted'),
  })
  assert.equal(posted.body, 'posted')
  const got = await ask({ url: '/a', headers: { host: 'h' }, handler: () => reply(200, {}, 'got') })
  return { how: posted.how, body: got.body }
}

describe('the reply to a POST', () => {
  const kept: Readonly<Record<string, Row>> = {
    'that names its own URL': {},
    'that names it in whole': { fields: { ...said, 'Content-Location': 'http://h/a' } },
    'that says when it expires': {
      fields: { 'Content-Location': '/a', Expires: 'Thu, 01 Jan 2026 01:00:00 GMT' },
    },
  }
  for (const [name, row] of Object.entries(kept)) {
    it(`${name} answers a GET`, async () => {
      assert.deepEqual(await after(row), { how: 'Millrace; fwd=method; stored', body: 'posted' })
    })
  }

  const not: Readonly<Record<string, Row>> = {
    'that names no URL': { fields: { 'Cache-Control': 'max-age=60' } },
    'that names another URL': { fields: { ...said, 'Content-Location': '/b' } },
    'that names another scheme': { fields: { ...said, 'Content-Location': 'https://h/a' } },
    'that does not say for how long': {
      fields: { 'Content-Location': '/a', 'Last-Modified': 'Mon, 01 Dec 2025 00:00:00 GMT' },
    },
    'that is not to be kept': { fields: { ...said, 'Cache-Control': 'max-age=60, private' } },
    'that sets a cookie': { fields: { ...said, 'Set-Cookie': 'a=1' } },
    'that is no success': { status: 201 },
    'to a user': { headers: { authorization: 'a' } },
    'to somebody with a cookie': { headers: { cookie: 'a=1' } },
    'that may be one to another method': { headers: { 'x-http-method-override': 'DELETE' } },
    'where the operator says how long': { rule: { ttl: '1m' } },
    'whose content the key does not know': { rule: { isolate: true } },
    'of another method': { method: 'PUT' },
  }
  for (const [name, row] of Object.entries(not)) {
    it(`${name} does not, and forgets what did`, async () => {
      assert.deepEqual(await after(row), { how: 'Millrace; fwd=method', body: 'got' })
    })
  }
})
