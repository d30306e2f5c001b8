import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, type Reply, reply } from '@millrace/core'
import { settled } from '@millrace/testing'
import type { CacheRule } from '../../src/index.ts'
import { type Question, scene } from '../ask.ts'

interface Run {
  readonly url: string
  readonly isAhead: boolean
  readonly headers: Exchange['headers']
}

/** A site whose pages live for ten seconds, and which runs there were. */
const site = (rule: CacheRule = {}, make: (exchange: Exchange) => Reply = () => reply(200, {}, 'page')) => {
  const made = scene({ ttl: '10s', prefetch: true, ...rule })
  const runs: Run[] = []
  const handler = (exchange: Exchange): Reply => {
    const { url, headers, synthetic } = exchange
    runs.push({ url, headers, isAhead: synthetic !== undefined })
    return make(exchange)
  }
  const visit = async (urls: readonly string[], question: Question = {}): Promise<void> => {
    for (const url of urls) {
      await made.ask({ ...question, url, handler })
      for (let i = 0; i < 3; i++) await settled()
      await made.clock.advance(1000)
    }
    await made.clock.advance(20_000)
  }
  const ahead = (): readonly Run[] => runs.filter(({ isAhead }) => isAhead)
  return { ...made, runs, visit, ahead, handler }
}

/** Often enough for one to be learnt, and for the budget to have been saved. */
const learn = async (
  { visit }: Pick<ReturnType<typeof site>, 'visit'>,
  question?: Question,
): Promise<void> => {
  for (let i = 0; i < 6; i++) await visit(['/a', '/b'], question)
}

describe('prefetch of pages', () => {
  it('has brought what has followed, before it is asked for', async () => {
    const made = site()
    await learn(made)
    await learn(made)
    const ahead = made.ahead().map(({ url }) => url)
    assert.ok(ahead.length > 0)
    assert.deepEqual(new Set(ahead), new Set(['/b']))
    // Whoever asked for it then was answered with that.
    assert.equal(made.runs.length, 24)
    assert.match(
      JSON.stringify(made.counts()),
      new RegExp(`"hit":${ahead.length},.*"used":${ahead.length},"wasted":0`),
    )
  })

  it('is said where an operator asks', () => {
    const says = (prefetch: boolean): readonly string[] =>
      site({ prefetch }).mill.explain('GET', '/a').layers[0]?.says ?? []
    assert.deepEqual(
      says(true).filter((line) => !says(false).includes(line)),
      ['what is likely to be asked for next is brought ahead'],
    )
  })

  it('is off where no rule asks for it', async () => {
    const made = site({ prefetch: false })
    await learn(made)
    await learn(made)
    assert.deepEqual(made.ahead(), [])
  })

  it('asks with the fields that are in the key of the page, and with no others', async () => {
    const made = site({ cookies: 'ignore', authorization: 'ignore', vary: ['x-kind'] }, () =>
      reply(200, { Vary: 'Accept-Language' }, 'page'),
    )
    const headers = {
      host: 'a.test',
      cookie: 'user=1',
      authorization: 'Bearer 1',
      'accept-language': 'de',
      'x-kind': 'b',
      'x-other': 'c',
    }
    for (let i = 0; i < 3; i++) await learn(made, { headers })
    assert.ok(made.ahead().length > 0)
    for (const run of made.ahead()) {
      assert.deepEqual(run.headers, { host: 'a.test', 'accept-language': 'de', 'x-kind': 'b' })
    }
    assert.match(JSON.stringify(made.counts()), new RegExp(`"used":${made.ahead().length},"wasted":0`))
  })

  for (const [name, rule, headers] of [
    ['a cookie', { cookies: ['user'] }, { cookie: 'user=1' }],
    ['an Authorization', { authorization: 'key' }, { authorization: 'Bearer 1' }],
  ] as const satisfies readonly (readonly [string, CacheRule, Question['headers']])[]) {
    it(`leaves out pages with ${name} in their key`, async () => {
      const made = site(rule)
      for (let i = 0; i < 3; i++) await learn(made, { headers })
      assert.deepEqual(made.ahead(), [])
      assert.equal(made.runs.length, 36)
    })
  }

  it('asks for what nobody gets who has a cookie, where the reply says that it varies by it', async () => {
    const made = site({ cookies: 'ignore' }, () => reply(200, { Vary: 'Cookie' }, 'page'))
    for (let i = 0; i < 3; i++) await learn(made, { headers: { cookie: 'user=1' } })
    assert.ok(made.ahead().every(({ headers }) => headers['cookie'] === undefined))
    assert.equal(made.runs.length - made.ahead().length, 36)
  })

  it('stops by itself where it does not pay', async () => {
    const made = site({}, ({ synthetic }) => (synthetic ? reply(500) : reply(200, {}, 'page')))
    const isPaused = () => JSON.stringify(made.counts()).includes('"isPaused":true')
    for (let i = 0; i < 30 && !isPaused(); i++) await learn(made)
    assert.ok(isPaused())
    const { length } = made.ahead()
    assert.ok(length >= 16, `${length} requests`)
    await learn(made)
    assert.equal(made.ahead().length, length)
  })

  it('does not keep on when the cache has stopped', async () => {
    const made = site()
    await learn(made)
    await made.mill.start()
    await made.mill.stop()
    const { length } = made.ahead()
    for (let i = 0; i < 3; i++) await learn(made)
    assert.equal(made.ahead().length, length)
    assert.match(JSON.stringify(made.counts()), /"failed":[1-9]/)
  })

  it('does not go by what requests of its own, and those of another cache, ask for', async () => {
    const made = site()
    await learn(made, { synthetic: {} })
    await learn(made, { synthetic: {} })
    assert.equal(made.runs.filter(({ url }) => url === '/b').length, 12)
    assert.match(JSON.stringify(made.counts()), /"loads":0,.*"keys":0/)
  })

  it('is refused beside a function in the key', () => {
    assert.throws(() => scene({ ttl: '1m', prefetch: true, vary: [() => 'a'] }), /no function in `vary`/)
  })
})
