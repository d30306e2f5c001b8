import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, type Reply, type RequestHeaders, reply } from '@millrace/core'
import { settled } from '@millrace/testing'
import type { CacheRule } from '../../src/index.ts'
import { scene, streamed } from '../ask.ts'

const whole = '0123456789'

/** Knows ranges from the first byte to the last. */
const handler = ({ headers }: Exchange): Reply => {
  const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(String(headers['range'])) ?? []
  if (first === '') return reply(200, { ETag: '"1"' }, whole)
  const fields = { ETag: '"1"', 'Content-Range': `bytes ${first}-${last}/10` }
  return reply(206, fields, streamed(whole.slice(Number(first), Number(last) + 1)))
}

const asking =
  (fields: Readonly<Record<string, string>>, body: string, status = 206) =>
  (): Reply =>
    reply(status, fields, body)

describe('a part of what is not kept', () => {
  const rows: readonly [range: string, body: string | undefined, told: string][] = [
    ['bytes=2-7', '234567', 'bytes 2-7/10'],
    ['bytes=3-5', '345', 'bytes 3-5/10'],
    ['bytes=7-7', '7', 'bytes 7-7/10'],
    ['bytes=1-3', undefined, ''],
    ['bytes=3-8', undefined, ''],
    ['bytes=3-', undefined, ''],
    ['bytes=-3', undefined, ''],
    ['bytes=12-', undefined, ''],
    ['bytes=2-3, 5-6', undefined, ''],
    ['lines=2-3', undefined, ''],
  ]
  for (const [range, body, told] of rows) {
    it(`${body === undefined ? 'is not' : 'is'} the answer to ${range} where 2-7 is there`, async () => {
      const { ask } = scene()
      const first = await ask({ headers: { range: 'bytes=2-7' }, handler })
      assert.deepEqual([first.status, first.body], [206, '234567'])
      assert.equal(first.how, 'Millrace; fwd=uri-miss; stored')
      const answer = await ask({ headers: { range }, handler })
      assert.equal(answer.ran, body === undefined)
      if (body === undefined) return
      assert.deepEqual([answer.status, answer.body, answer.field('content-range')], [206, body, told])
      assert.deepEqual([answer.field('content-length'), answer.field('etag')], [String(body.length), '"1"'])
      assert.equal(answer.how, 'Millrace; hit; ttl=60')
    })
  }

  it('to the end answers for the end', async () => {
    const { ask } = scene()
    await ask({
      headers: { range: 'bytes=-4' },
      handler: asking({ 'Content-Range': 'bytes 6-9/10' }, '6789'),
    })
    const bodies: string[] = []
    for (const range of ['bytes=-4', 'bytes=7-', 'bytes=-1', 'bytes=6-30']) {
      const answer = await ask({ headers: { range }, handler })
      assert.equal(answer.ran, false, range)
      bodies.push(answer.body)
    }
    assert.deepEqual(bodies, ['6789', '789', '9', '6789'])
  })

  it('that broke off has the bytes that came', async () => {
    const { ask } = scene()
    const short = asking({ 'Content-Range': 'bytes 4-9/10' }, '45678')
    await ask({ headers: { range: 'bytes=4-9' }, handler: short })
    assert.equal((await ask({ headers: { range: 'bytes=6-8' }, handler })).body, '678')
    const less = await ask({ headers: { range: 'bytes=6-' }, handler })
    assert.deepEqual([less.status, less.body, less.field('content-range')], [206, '678', 'bytes 6-8/10'])
    assert.equal((await ask({ headers: { range: 'bytes=-1' }, handler })).ran, true)
  })

  it('of what nobody knows the length of answers the same request', async () => {
    const { ask } = scene()
    const endless = asking({ 'Content-Range': 'bytes 0-3/*' }, '0123')
    await ask({ headers: { range: 'bytes=0-3' }, handler: endless })
    assert.equal((await ask({ headers: { range: 'bytes=0-3' }, handler })).ran, false)
    assert.equal((await ask({ headers: { range: 'bytes=1-2' }, handler })).ran, true)
  })

  it('is never put together with others, and is no answer to who wants it whole', async () => {
    const { ask } = scene()
    await ask({ headers: { range: 'bytes=0-4' }, handler })
    await ask({ headers: { range: 'bytes=5-9' }, handler })
    const answer = await ask({ headers: { range: 'bytes=4-5' }, handler })
    assert.deepEqual([answer.ran, answer.how], [true, 'Millrace; fwd=partial; stored'])
    const all = await ask({ handler })
    assert.deepEqual([all.ran, all.status, all.body], [true, 200, whole])
    assert.deepEqual((await ask({ headers: { range: 'bytes=0-1' } })).body, '01')
  })

  it('is kept of one that may be kept, when it says truly which', async () => {
    const part = { 'Content-Range': 'bytes 0-3/10' }
    const not: readonly [handler: () => Reply, headers?: RequestHeaders, rule?: CacheRule][] = [
      [asking({}, '0123')],
      [asking({ 'Content-Range': 'bytes 3-0/10' }, '0123')],
      [asking({ 'Content-Range': 'bytes 0-2/10' }, '0123')],
      [asking(part, '')],
      [asking({ ...part, 'Content-Length': '4' }, '012')],
      [asking({ ...part, 'Cache-Control': 'no-store' }, '0123')],
      [asking({ ...part, 'Set-Cookie': 'a=1' }, '0123')],
      [asking({ ...part, Vary: 'X-Kind' }, '0123')],
      [asking(part, '0123', 200)],
      [asking(part, '0123'), { 'if-range': '"1"' }],
      [asking(part, '0123'), { cookie: 'a=1' }],
      [asking(part, '0123'), {}, { ttl: '1m', isolate: true }],
      [asking(part, '0123'), {}, { ttl: '1m', maxBodySize: 3 }],
      [asking(part, '0123'), {}, {}],
    ]
    for (const [first, headers = {}, rule = { ttl: '1m' }] of not) {
      const { ask } = scene(rule)
      const range = 'bytes=0-3'
      await ask({ headers: { ...headers, range }, handler: first })
      assert.equal((await ask({ headers: { range }, handler })).ran, true, JSON.stringify([first(), headers]))
    }
  })

  it('answers those who have the same, and not those who have another version', async () => {
    const { ask } = scene()
    const range = 'bytes=2-7'
    await ask({ headers: { range }, handler })
    assert.equal((await ask({ headers: { range, 'if-range': '"1"' }, handler })).ran, false)
    assert.equal((await ask({ headers: { range, 'if-none-match': '"1"' }, handler })).status, 304)
    assert.equal((await ask({ headers: { range, 'if-range': '"2"' }, handler })).ran, true)
  })

  it('goes when it is over, and with its page', async () => {
    const question = { headers: { range: 'bytes=2-7' }, handler }
    const old = scene()
    await old.ask(question)
    await old.clock.advance(60_001)
    assert.equal((await old.ask(question)).ran, true)
    for (const what of [{ url: '/' }, 'everything'] as const) {
      const { ask, mill } = scene()
      await ask(question)
      await mill.cache.purge(what)
      assert.equal((await ask(question)).ran, true)
    }
    const changed = scene()
    await changed.ask(question)
    await changed.ask({ method: 'PUT' })
    assert.equal((await changed.ask(question)).ran, true)
  })

  it('is not kept when its page was changed meanwhile', async () => {
    const { ask, begin } = scene()
    const headers = { range: 'bytes=2-7' }
    const gates = [Promise.withResolvers<Reply>(), Promise.withResolvers<Reply>()]
    const slow = gates.map(({ promise }) => begin({ headers, handler: () => promise }))
    await settled()
    await ask({ method: 'PUT' })
    for (const { resolve } of gates) resolve(asking({ 'Content-Range': 'bytes 2-7/10' }, '234567')())
    await Promise.all(slow.map(({ answer }) => answer))
    assert.equal((await ask({ headers, handler })).ran, true)
  })

  it('gives way to a whole that came later', async () => {
    const { ask, clock } = scene(true)
    const lasting = { 'Content-Range': 'bytes 0-1/10', 'Cache-Control': 'max-age=60' }
    const headers = { range: 'bytes=0-1' }
    await ask({ headers, handler: asking(lasting, '01') })
    await clock.advance(1000)
    await ask({ handler: () => reply(200, { 'Cache-Control': 'max-age=1', ETag: '"2"' }, 'another') })
    await clock.advance(2000)
    assert.equal((await ask({ headers, handler })).ran, true)
  })

  it('makes nobody wait', async () => {
    const { ask, begin } = scene()
    const gate = Promise.withResolvers<Reply>()
    const range = 'bytes=2-7'
    const slow = begin({ headers: { range }, handler: () => gate.promise })
    assert.equal((await ask({ headers: { range }, handler })).body, '234567')
    assert.equal((await ask({ handler })).body, whole)
    gate.resolve(asking({ 'Content-Range': 'bytes 2-7/10' }, '234567')())
    await slow.answer
  })
})
