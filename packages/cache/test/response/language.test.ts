import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, type Reply, reply } from '@millrace/core'
import { scene } from '../ask.ts'

describe('a page in several languages', () => {
  const speaking =
    (language: string, vary = 'Accept-Language') =>
    (): Reply =>
      reply(200, { Vary: vary, 'Content-Language': language }, language)

  const rows: readonly [first: string, language: string, then: string | undefined, isAnswered: boolean][] = [
    ['en, de', 'de', 'fr;q=0.5, de;q=1.0', true],
    ['en, de', 'de', 'de', true],
    ['en, de', 'DE', 'De, *;q=0.1', true],
    // Which one it would get is the handler's to say.
    ['en, de', 'de', 'de, fr', false],
    ['en, de', 'de', 'fr, de;q=0.9', false],
    ['en, de', 'de', 'de-AT, de;q=0.9', false],
    ['en, de', 'de', '*', false],
    ['en, de', 'de', 'de;q=0', false],
    ['en, de', 'de', undefined, false],
    ['en, de', 'de, en', 'de', false],
    // A handler may show what it was asked, and a client ask for what others are to be shown.
    ['de, <script>', 'de', 'de;q=1', false],
    ['en, de', 'de', 'de, <script>;q=0.1', false],
  ]
  for (const [first, language, then, isAnswered] of rows) {
    it(`for ${first} in ${language} ${isAnswered ? 'answers' : 'does not answer'} ${then}`, async () => {
      const { ask } = scene()
      await ask({ headers: { 'accept-language': first }, handler: speaking(language) })
      const headers = then === undefined ? {} : { 'accept-language': then }
      assert.equal((await ask({ headers, handler: speaking('x') })).ran, !isAnswered)
    })
  }

  it('answers only those who agree in all else that it varies by', async () => {
    const { ask } = scene()
    const handler = speaking('de', 'Accept-Language, X-Kind')
    await ask({ headers: { 'accept-language': 'en, de', 'x-kind': 'a' }, handler })
    const asked = async (kind: string): Promise<boolean> =>
      (await ask({ headers: { 'accept-language': 'de', 'x-kind': kind }, handler })).ran
    assert.deepEqual([await asked('a'), await asked('b')], [false, true])
  })

  it('answers as long as it is fresh, and in that language', async () => {
    const old = scene()
    await old.ask({ headers: { 'accept-language': 'en, de' }, handler: speaking('de') })
    await old.clock.advance(60_001)
    assert.equal((await old.ask({ headers: { 'accept-language': 'de' }, handler: speaking('de') })).ran, true)

    const { ask, mill } = scene()
    await ask({ headers: { 'accept-language': 'en, de' }, handler: speaking('de') })
    await mill.cache.purge({ url: '/' })
    assert.equal((await ask({ headers: { 'accept-language': 'de' }, handler: speaking('de') })).ran, true)
  })

  it('does not answer when the one in that language has given way to another', async () => {
    const { ask } = scene({ ttl: '1m', clientControl: true })
    const headers = { 'accept-language': 'en, de' }
    await ask({ headers, handler: speaking('de') })
    await ask({ headers: { ...headers, 'cache-control': 'no-cache' }, handler: speaking('en') })
    const handler = ({ headers: asked }: Exchange): Reply => reply(200, {}, `for ${asked['accept-language']}`)
    assert.equal((await ask({ headers: { 'accept-language': 'de' }, handler })).body, 'for de')
  })
})
