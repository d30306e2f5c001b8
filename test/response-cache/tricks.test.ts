import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hosts, type Served } from './hosts.ts'
import { mills } from './mills.ts'
import { type Answer, type Ask, send } from './raw.ts'
import { reflect } from './reflect.ts'
import { tricks } from './tricks.ts'

/** What two answers to one request have in common, whenever they were made. */
const lasting = ({ status, fields, body }: Answer): unknown => [
  status,
  body.replace(/"minted=\d+"/, ''),
  fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(
      ([name]) =>
        !['date', 'age', 'cache-status', 'connection', 'keep-alive', 'transfer-encoding'].includes(name),
    )
    .map(([name, value]) => [name, name === 'set-cookie' ? value.replace(/\d+/, '') : value])
    .sort(),
]

for (const [name, host] of Object.entries(hosts)) {
  describe(`tricks with caches, on ${name}`, () => {
    let warm: Served & { forget(): Promise<void> }
    let cold: Served & { forget(): Promise<void> }
    before(async () => {
      warm = await mills(host, reflect)
      cold = await mills(host, reflect)
    })
    after(() => Promise.all([warm.close(), cold.close()]))

    const fresh = async (ask: Ask): Promise<Answer> => {
      await cold.forget()
      return send(cold.port, ask)
    }

    for (const { name: trick, source, first, asked, isKept = true } of tricks) {
      it(`${trick} (${source})`, async () => {
        const expected = await fresh(asked)
        const check = (answer: Answer, how: string): void => {
          assert.deepEqual(lasting(answer), lasting(expected), how)
          const said = JSON.stringify([answer.fields, answer.body])
          const own = JSON.stringify(asked)
          for (const mark of ['evil', 'secret']) {
            assert.ok(own.includes(mark) || !said.includes(mark), `${mark} in ${said}, ${how}`)
          }
          if (expected.interim.length === 0) assert.deepEqual(answer.interim, [], how)
        }
        await warm.forget()
        for (const ask of first) {
          await send(warm.port, ask)
          check(await send(warm.port, asked), `after ${JSON.stringify(ask)}`)
          await warm.forget()
          const [, answer] = await Promise.all([send(warm.port, ask), send(warm.port, asked)])
          check(answer, `with ${JSON.stringify(ask)}`)
          await warm.forget()
        }
        for (const ask of first) await send(warm.port, ask)
        check(await send(warm.port, asked), 'after all')
        const again = await send(warm.port, asked)
        check(again, 'again')
        assert.equal(/; hit/.test(again.field('cache-status') ?? ''), isKept, again.field('cache-status'))
        for (const ask of first) await send(warm.port, ask)
        check(await send(warm.port, asked), 'after all were repeated')
      })
    }
  })
}
