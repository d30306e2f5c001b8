import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type Exchange, type Reply, reply, trouble } from '@millrace/core'
import { settled } from '@millrace/testing'
import type { CacheRule } from '../../src/index.ts'
import { scene } from '../ask.ts'

const troubles = (t: TestContext): string[] => {
  const heard: string[] = []
  t.after(trouble.subscribe(({ code, message }) => heard.push(`${code} ${message}`)))
  return heard
}

const throws = (): never => {
  throw new Error('mine')
}

const nonsense: readonly unknown[] = [5, {}, [undefined], [5], null, Promise.resolve('a')]
const given = (value: never) => (): never => value

/** Rules whose functions fail, by their names, and what `Cache-Status` says then. */
const broken: readonly {
  readonly name: string
  readonly option: string
  readonly rule: CacheRule
  readonly how: string
}[] = [
  { name: 'throws', option: 'ttl', rule: { ttl: throws }, how: 'fwd=uri-miss; detail=rule' },
  {
    name: 'throws',
    option: 'vary',
    rule: { ttl: '1m', vary: [throws] },
    how: 'fwd=bypass; detail=key',
  },
  { name: 'throws', option: 'tags', rule: { ttl: '1m', tags: [throws] }, how: 'fwd=uri-miss; detail=rule' },
  ...nonsense.flatMap((value) => {
    const give = Reflect.apply(given, undefined, [value])
    const name = `gives ${String(value)}`
    return [
      { name, option: 'tags', rule: { ttl: '1m', tags: [give] }, how: 'fwd=uri-miss; detail=rule' },
      { name, option: 'vary', rule: { ttl: '1m', vary: [give] }, how: 'fwd=bypass; detail=key' },
    ]
  }),
]

describe('a function of the rule', () => {
  for (const { name, option, rule, how } of broken) {
    it(`\`${option}\` that ${name} spoils no answer, caches nothing, and is said once`, async (t) => {
      const heard = troubles(t)
      const { ask } = scene(rule)
      for (let i = 0; i < 3; i++) {
        const answer = await ask({ handler: () => reply(200, {}, 'a') })
        assert.deepEqual([answer.status, answer.body, answer.ran], [200, 'a', true])
        assert.equal(answer.how, `Millrace; ${how}`)
      }
      assert.equal(heard.length, 1)
      assert.match(
        heard[0] ?? '',
        new RegExp(`^MILLRACE_CACHE_RULE cache\\.${option}: a function failed for /, .`),
      )
    })
  }

  it('finds in a request of the cache its own what it found in the one that it is made for', async () => {
    const rule: CacheRule = { ttl: '10s', swr: '1h', vary: [({ headers }) => String(headers['x-plan'])] }
    const { ask, clock } = scene(rule)
    const seen: Exchange['headers'][] = []
    const handler = ({ headers }: Exchange): Reply => {
      seen.push(headers)
      return reply(200, {}, `plan ${headers['x-plan']}`)
    }
    const pro = { headers: { 'x-plan': 'pro', range: 'bytes=0-', 'if-none-match': '"1"' }, handler }
    await ask({ headers: { 'x-plan': 'pro' }, handler })
    await clock.advance(11_000)
    await ask(pro)
    await settled()
    const news = await ask({ headers: { 'x-plan': 'pro' } })
    assert.deepEqual([news.body, news.ran], ['plan pro', false])
    assert.deepEqual(seen[1], { 'x-plan': 'pro' })
  })

  it('that finds something else there has nothing brought anew by it', async () => {
    let plan = 'pro'
    const rule: CacheRule = { ttl: '10s', swr: '1h', vary: [({ synthetic }) => (synthetic ? 'none' : plan)] }
    const { ask, clock } = scene(rule)
    await ask({ handler: () => reply(200, {}, 'pro') })
    await clock.advance(11_000)
    for (let i = 0; i < 2; i++) {
      assert.equal((await ask({ handler: () => reply(200, {}, 'none') })).body, 'pro')
      await settled()
    }
    plan = 'none'
    assert.equal((await ask({ handler: () => reply(200, {}, 'new') })).body, 'new')
  })

  it('that fails for the body of a POST, and for what it would be to a GET, spoils neither', async (t) => {
    const heard = troubles(t)
    const headers = { host: 'a.test', 'content-type': 'text/plain' }
    const posted = { method: 'POST', headers, body: Buffer.from('a') }
    const fields = { 'Content-Location': 'http://a.test/', 'Cache-Control': 'max-age=60' }
    const handler = () => reply(200, fields, 'a')
    for (const rule of [{ vary: [throws], body: '1kb' }, { vary: [throws] }] satisfies CacheRule[]) {
      const { ask } = scene(rule)
      assert.equal((await ask({ ...posted, handler })).body, 'a')
      assert.ok((await ask({ headers: { host: 'a.test' }, handler })).ran)
    }
    assert.equal(heard.length, 2)
  })

  it('that fails when a reply is brought anew lets everybody have the new one', async (t) => {
    troubles(t)
    let fails = false
    const rule: CacheRule = { ttl: () => (fails ? throws() : '1m'), swr: '1h' }
    const { ask, clock } = scene(rule)
    await ask({ handler: () => reply(200, {}, 'old') })
    fails = true
    await clock.advance(61_000)
    const bodies: string[] = []
    for (let i = 0; i < 3; i++) bodies.push((await ask({ handler: () => reply(200, {}, 'new') })).body)
    assert.deepEqual(bodies, ['old', 'new', 'new'])
  })
})
