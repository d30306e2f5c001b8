import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { cache } from '@millrace/cache'
import { compress } from '@millrace/compress'
import { millrace } from '@millrace/core'
import fc from 'fast-check'
import { codings, decode, programs, throughProgram } from './decode.ts'
import { hosts, type Said, type Served, serve } from './hosts.ts'

const chunk = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc
    .string({ minLength: 1, maxLength: 50 })
    .chain((text) => fc.integer({ min: 1, max: 2000 }).map((times) => Buffer.from(text.repeat(times)))),
)
const bodies = fc.oneof(
  fc.array(chunk, { minLength: 1, maxLength: 6 }),
  // Larger than what is encoded at once, and than every buffer on the way.
  fc.constant([Buffer.from(JSON.stringify([...Array(20_000).keys()]))]),
)
const ways = fc.constantFrom<Said['how']>('whole', 'writes', 'turns', 'pipe')
const types = fc.constantFrom('text/plain', 'application/json', 'text/event-stream', 'image/png')
const wishes = fc.constantFrom(undefined, '', ...codings, 'gzip, deflate, br, zstd', '*', 'identity;q=0, br')

for (const [name, host] of Object.entries(hosts)) {
  for (const cached of [false, true]) {
    describe(`${name}${cached ? ', cached' : ''}`, () => {
      const plugin = compress({ pressure: false, memo: '1mb' })
      const mill = cached
        ? millrace({ plugins: [plugin, cache()], routes: { '/**': { compress: true, cache: '1m' } } })
        : millrace({ plugins: [plugin], routes: { '/**': { compress: true } } })
      const said = new Map<string, Said>()
      let served: Served
      let count = 0

      const put = (what: Said): string => {
        const url = `/${count++}`
        said.set(url, what)
        return url
      }

      before(async () => {
        served = await serve(host(mill, (url) => said.get(url) ?? { fields: {}, chunks: [], how: 'whole' }))
      })
      after(async () => {
        await served.close()
        await mill.stop()
      })

      it('every body comes out as it went in, under every coding', async () => {
        await fc.assert(
          fc.asyncProperty(
            bodies,
            ways,
            types,
            fc.array(wishes, { minLength: 1, maxLength: 4 }),
            async (chunks, how, type, asked) => {
              const url = put({ fields: { 'content-type': type }, chunks, how })
              const whole = Buffer.concat(chunks)
              for (const wish of asked) {
                const answer = await served.ask(url, wish === undefined ? {} : { 'accept-encoding': wish })
                const { 'content-encoding': coding, 'content-length': length } = answer.fields
                assert.ok((await decode(coding, answer.body)).equals(whole))
                if (length !== undefined) assert.equal(Number(length), answer.body.byteLength)
                if (coding !== undefined && wish !== undefined)
                  assert.ok(wish === '*' || wish.includes(coding))
                if (coding !== undefined) assert.notEqual(type, 'image/png')
                if (type === 'image/png') assert.equal(answer.fields.vary, undefined)
                else assert.equal(answer.fields.vary?.match(/accept-encoding/gi)?.length, 1)
              }
            },
          ),
          { numRuns: 40 },
        )
      })

      const text = 'It is a truth universally acknowledged. '.repeat(1000)
      const fields = { 'content-type': 'text/plain', etag: '"a"', 'accept-ranges': 'bytes' }

      for (const how of ['whole', 'turns', 'pipe'] as const) {
        for (const coding of codings) {
          const program = programs[coding]
          if (program === undefined) continue
          it(`${coding} of ${how} is read by ${program[0]}`, async (t) => {
            const url = put({
              fields,
              chunks: [Buffer.from(text.slice(0, 7)), Buffer.from(text.slice(7))],
              how,
            })
            const { body } = await served.ask(url, { 'accept-encoding': coding })
            assert.ok(body.byteLength < text.length / 10)
            const decoded = await throughProgram(program, body)
            if (decoded === undefined) t.skip(`${program[0]} is not installed`)
            else assert.equal(decoded.toString(), text)
          })
        }

        it(`${how} is read by curl`, async (t) => {
          const url = put({ fields, chunks: [Buffer.from(text)], how })
          const decoded = await throughProgram([
            'curl',
            '-s',
            '--compressed',
            `http://127.0.0.1:${served.port}${url}`,
          ])
          if (decoded === undefined) t.skip('curl is not installed')
          else assert.equal(decoded.toString(), text)
        })

        it(`${how}: the entity tag is weak, and a client that sends it has the page`, async () => {
          const url = put({ fields, chunks: [Buffer.from(text)], how })
          const first = await served.ask(url, { 'accept-encoding': 'gzip' })
          assert.equal(first.fields.etag, 'W/"a"')
          assert.equal(first.fields['accept-ranges'], undefined)
          const plain = await served.ask(url)
          assert.equal(plain.fields.etag, '"a"')
          assert.equal(plain.body.toString(), text)
          if (!cached && !(how === 'whole' && name.startsWith('Express'))) return
          const again = await served.ask(url, { 'accept-encoding': 'gzip', 'if-none-match': 'W/"a"' })
          assert.equal(again.status, 304)
          assert.equal(again.fields.etag, 'W/"a"')
          assert.match(again.fields.vary ?? '', /accept-encoding/i)
          assert.equal(again.body.byteLength, 0)
        })
      }

      it('a stream that is encoded while it is still written is what the handler said, also for the next', async () => {
        const numbers = Buffer.from(JSON.stringify([...Array(30_000).keys()]))
        const url = put({ fields: { 'content-type': 'text/plain' }, chunks: [numbers, numbers], how: 'pipe' })
        for (const coding of ['gzip', undefined, 'br'] as const) {
          const answer = await served.ask(url, coding && { 'accept-encoding': coding })
          const body = await decode(answer.fields['content-encoding'], answer.body)
          assert.ok(body.equals(Buffer.concat([numbers, numbers])))
        }
      })

      it('clients of every kind at once get each their own', async () => {
        const urls = [...Array(8).keys()].map((i) =>
          put({
            fields: { 'content-type': 'text/plain' },
            chunks: [Buffer.from(`page ${i} `.repeat(300)), Buffer.from(`the rest of ${i}`)],
            how: i % 2 === 0 ? 'turns' : 'whole',
          }),
        )
        const asked = urls.flatMap((url) => codings.map((coding) => ({ url, coding })))
        const answers = asked.map(({ url, coding }) => served.ask(url, { 'accept-encoding': coding }))
        for (const [i, answer] of (await Promise.all(answers)).entries()) {
          const { url = '', coding } = asked[i] ?? {}
          assert.equal(answer.fields['content-encoding'], coding)
          const whole = Buffer.concat([...(said.get(url)?.chunks ?? [])])
          assert.ok((await decode(coding, answer.body)).equals(whole))
        }
      })

      it('HEAD says what GET would', async () => {
        const url = put({ fields, chunks: [Buffer.from(text)], how: 'whole' })
        const { fields: said, body } = await served.ask(url, { 'accept-encoding': 'gzip' }, 'HEAD')
        assert.equal(body.byteLength, 0)
        assert.equal(said['content-encoding'], 'gzip')
        assert.equal(said.etag, 'W/"a"')
        assert.notEqual(said['content-length'], String(text.length))
      })
    })
  }
}
