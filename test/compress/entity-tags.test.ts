import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cache } from '@millrace/cache'
import { compress } from '@millrace/compress'
import { millrace } from '@millrace/core'
import { codings, decode } from './decode.ts'
import { hosts, type Said, type Served, serve } from './hosts.ts'

const text = Buffer.from('It is a truth universally acknowledged. '.repeat(100))
const page: Said = { fields: { 'content-type': 'text/plain', etag: '"a"' }, chunks: [text], how: 'whole' }

for (const [name, host] of Object.entries(hosts)) {
  for (const isCached of [false, true]) {
    const within = async (said: Said, use: (served: Served) => Promise<void>): Promise<void> => {
      const rules = { compress: { etag: 'suffix' } } as const
      const mill = isCached
        ? millrace({
            plugins: [compress({ pressure: false }), cache()],
            routes: { '/**': { ...rules, cache: '1m' } },
          })
        : millrace({ plugins: [compress({ pressure: false })], routes: { '/**': rules } })
      const served = await serve(host(mill, () => said))
      try {
        await use(served)
      } finally {
        await served.close()
        await mill.stop()
      }
    }
    /** Whoever answers conditions: the cache, or Express. */
    const isConditional = isCached || name.startsWith('Express')

    describe(`${name}${isCached ? ', cached' : ''}: a tag for each coding`, () => {
      it('is strong, of the same bytes each time, and understood', () =>
        within(page, async (served) => {
          for (const coding of codings) {
            const accept = { 'accept-encoding': coding }
            const [one, other] = [await served.ask('/', accept), await served.ask('/', accept)]
            assert.equal(one.fields.etag, `"a-${coding}"`)
            assert.ok(one.body.equals(other.body))
            assert.ok((await decode(coding, one.body)).equals(text))
            if (!isConditional) continue
            for (const [asked, said] of [
              [`"a-${coding}"`, `"a-${coding}"`],
              [`"other", "a-${coding}"`, `"a-${coding}"`],
              ['W/"a"', 'W/"a"'],
            ] as const) {
              const again = await served.ask('/', { ...accept, 'if-none-match': asked })
              assert.equal(again.status, 304)
              assert.equal(again.fields.etag, said)
              assert.match(again.fields.vary ?? '', /accept-encoding/i)
            }
            const changed = await served.ask('/', { ...accept, 'if-none-match': `"b-${coding}"` })
            assert.equal(changed.status, 200)
          }
          assert.equal((await served.ask('/')).fields.etag, '"a"')
        }))

      if (isCached)
        it('parts of the plain bytes do not go with it', () =>
          within(page, async (served) => {
            await served.ask('/', { 'accept-encoding': 'gzip' })
            const range = { 'accept-encoding': 'gzip', range: 'bytes=0-9' }
            assert.equal((await served.ask('/', { ...range, 'if-range': '"a"' })).status, 206)
            const whole = await served.ask('/', { ...range, 'if-range': '"a-gzip"' })
            assert.equal(whole.status, 200)
            assert.equal(whole.fields.etag, '"a-gzip"')
          }))

      it('is weak where the bytes may differ', () =>
        within({ ...page, how: 'pipe' }, async (served) => {
          const { fields } = await served.ask('/', { 'accept-encoding': 'gzip' })
          assert.equal(fields.etag, 'W/"a"')
        }))
    })
  }
}
