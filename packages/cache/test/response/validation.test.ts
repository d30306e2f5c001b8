import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, type Reply, reply } from '@millrace/core'
import { settled } from '@millrace/testing'
import { scene } from '../ask.ts'

type Fields = Readonly<Record<string, string>>

describe('a 304 of the handler', () => {
  const lm = 'Mon, 01 Dec 2025 00:00:00 GMT'
  const rows: readonly [stored: Fields, told: Fields, renews: boolean][] = [
    [{ ETag: '"1"' }, {}, true],
    [{ ETag: '"1"' }, { ETag: '"1"' }, true],
    [{ ETag: 'W/"1"' }, { ETag: 'W/"1"' }, true],
    [{ ETag: '"1"' }, { ETag: '"2"' }, false],
    [{ ETag: 'W/"1"' }, { ETag: 'W/"2"' }, false],
    [{ 'Last-Modified': lm }, { 'Last-Modified': lm }, true],
    [{ 'Last-Modified': lm }, { 'Last-Modified': lm, ETag: '"1"' }, true],
    // Changed within one second: the body that is kept must not get the tag of another.
    [{ 'Last-Modified': lm }, { ETag: '"2"' }, false],
  ]
  for (const [stored, told, renews] of rows) {
    it(`with ${JSON.stringify(told)} ${renews ? 'renews' : 'drops'} ${JSON.stringify(stored)}`, async () => {
      const { ask, clock } = scene(true)
      const life = { 'Cache-Control': 'max-age=10' }
      await ask({ handler: () => reply(200, { ...life, ...stored }, 'old') })
      await clock.advance(11_000)
      const validated = await ask({ handler: () => reply(304, { ...life, ...told }) })
      assert.deepEqual([validated.status, validated.body], [200, 'old'])
      assert.equal(validated.field('etag'), renews ? (told['ETag'] ?? stored['ETag']) : stored['ETag'])
      await settled()
      const asked: Exchange['headers'][] = []
      const next = await ask({
        handler: ({ headers }) => {
          asked.push(headers)
          return reply(200, {}, 'new')
        },
      })
      assert.equal(next.body, renews ? 'old' : 'new')
      for (const headers of asked) assert.equal(headers['if-none-match'], undefined)
    })
  }
})

describe('a HEAD of the handler', () => {
  const life = { 'Cache-Control': 'max-age=10', ETag: '"1"' }

  it('renews what is kept of the same, and drops what is not', async () => {
    const rows: readonly [stored: number, told: Fields, then: string][] = [
      [200, {}, 'old'],
      [200, { ETag: '"2"' }, 'new'],
      [404, {}, 'new'],
    ]
    for (const [status, told, then] of rows) {
      const { ask, clock } = scene(true)
      await ask({ handler: () => reply(status, life, 'old') })
      await clock.advance(11_000)
      await ask({ method: 'HEAD', handler: () => reply(200, { ...life, ...told }) })
      assert.equal((await ask({ handler: () => reply(200, {}, 'new') })).body, then)
    }
  })

  it('does not bring back what was changed meanwhile', async () => {
    const { ask, begin, clock } = scene(true)
    await ask({ handler: () => reply(200, life, 'old') })
    await clock.advance(11_000)
    const gate = Promise.withResolvers<Reply>()
    const slow = begin({ method: 'HEAD', handler: () => gate.promise })
    await settled()
    await ask({ method: 'PUT' })
    gate.resolve(reply(200, life))
    await slow.answer
    assert.equal((await ask({ handler: () => reply(200, life, 'after') })).body, 'after')
  })

  it('does not keep a change from what is on its way', async () => {
    const { ask, begin, clock } = scene(true)
    await ask({ handler: () => reply(200, life, 'old') })
    await clock.advance(11_000)
    const gate = Promise.withResolvers<Reply>()
    const slow = begin({ handler: () => gate.promise })
    await settled()
    await ask({ method: 'HEAD', handler: () => reply(200, life) })
    await ask({ method: 'PUT' })
    gate.resolve(reply(200, life, 'before the change'))
    await slow.answer
    assert.equal((await ask({ handler: () => reply(200, life, 'after') })).body, 'after')
  })
})

describe('a condition of the client', () => {
  it('holds for methods that read, and not for POST', async () => {
    const rows: readonly [method: string, status: number][] = [
      ['GET', 304],
      ['HEAD', 304],
      ['QUERY', 304],
      ['POST', 200],
    ]
    for (const [method, status] of rows) {
      const { ask } = scene({ ttl: '1m', body: '1kb' })
      const handler = (): Reply => reply(200, { ETag: '"1"' }, 'x')
      await ask({ method: method === 'HEAD' ? 'GET' : method, handler })
      const answer = await ask({ method, headers: { 'if-none-match': '"1"' }, handler })
      assert.deepEqual([answer.status, answer.ran], [status, false], method)
    }
  })
})

describe('a failure that may be kept', () => {
  it('does not take the place of what is served instead', async () => {
    const { ask, clock } = scene({ ttl: () => '10s', staleIfError: '1h' })
    await ask({ handler: () => reply(200, {}, 'good') })
    const failing = { handler: () => reply(503, {}, 'bad') }
    for (let i = 0; i < 3; i++) {
      await clock.advance(11_000)
      assert.equal((await ask(failing)).body, 'good')
      await settled()
    }
    const { ask: anew } = scene({ ttl: () => '10s', staleIfError: '1h' })
    await anew(failing)
    assert.equal((await anew()).body, 'bad')
  })
})

describe('the age of a reply', () => {
  it('is not what its Date has lost in writing', async () => {
    const { ask, clock } = scene(true)
    await clock.advance(900)
    const handler = (): Reply =>
      reply(200, { Date: 'Thu, 01 Jan 2026 00:00:00 GMT', 'Cache-Control': 'max-age=1' }, 'x')
    await ask({ handler })
    await clock.advance(900)
    assert.equal((await ask({ handler })).ran, false)
    await clock.advance(101)
    assert.equal((await ask({ handler })).ran, true)
  })
})
