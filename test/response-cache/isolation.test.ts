import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { effort, seeded } from '../transparency/effort.ts'
import { hosts, serve } from './hosts.ts'
import { mills } from './mills.ts'
import { type Answer, type Ask, send } from './raw.ts'
import { deeds, parts, reflect } from './reflect.ts'

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>): K[] => {
  const keys: K[] = []
  for (const key in record) keys.push(key)
  return keys
}

type Lines = readonly (readonly [name: string, value: string])[]

const one = <T>(...choices: T[]): fc.Arbitrary<T> => fc.constantFrom(...choices)

/** Mostly nothing, so that requests meet under one key. */
const rarely = (...choices: Lines[]): fc.Arbitrary<Lines> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: one(...choices) })

/** What a request of one user's may be. Whatever says who it is says it by the user's name. */
const asking = (user: string) => {
  const evil = `${user}.test`
  return fc.record({
    tail: fc.oneof(
      { weight: 4, arbitrary: fc.constant('a') },
      one(
        'A',
        'a/',
        'a;x=1',
        '%61',
        'a%2fb',
        'a.css',
        'a//b',
        'a%00',
        'a%0d%0aX-A:b',
        'a/../a',
        'a/%2e%2e/a',
      ),
    ),
    query: fc.oneof(
      { weight: 2, arbitrary: fc.constant('') },
      one(
        '?',
        '?q=1',
        '?q=2',
        '?q=1&q=2',
        '?q=2&q=1',
        `?q=1&utm=${user}`,
        `?utm=${user}&q=1`,
        `?q=1&[q]=${user}`,
        `?q=1&q[]=${user}`,
        `?q[a]=1&q=${user}`,
        `?q=${user}&q[a]=1`,
        '?q=1;q=2',
        '?q=1#&q=2',
        '?x=#&q=1',
        '?%71=1',
        '?q=%31',
        '?Q=1',
        '?q=1%26q=2',
        '?q=1&q',
        '?q=%',
        '?__proto__=1',
        '?toString=1&q=1',
        `?${'x&'.repeat(1000)}q=1`,
        '?_method=DELETE',
      ),
    ),
    form: fc.oneof({ weight: 6, arbitrary: fc.constant('origin') }, one('absolute', 'absolute elsewhere')),
    host: fc.oneof(
      { weight: 5, arbitrary: fc.constant<Lines>([['Host', 'a.test']]) },
      one<Lines>(
        [['host', 'A.test']],
        [['Host', 'a.test.']],
        [['Host', 'a.test:80']],
        [['Host', `${user}@a.test`]],
        [['Host', evil]],
        [['Host', '']],
        [
          ['Host', 'a.test'],
          ['Host', evil],
        ],
        [
          ['Host', evil],
          ['Host', 'a.test'],
        ],
      ),
    ),
    credentials: fc.oneof(
      { weight: 2, arbitrary: fc.constant<Lines>([]) },
      one<Lines>(
        [['Cookie', `session=${user}`]],
        [['Cookie', 'lang=de']],
        [['Cookie', `lang=de; session=${user}`]],
        [['Cookie', `session=${user}; lang=en`]],
        [
          ['Cookie', 'lang=de'],
          ['Cookie', `session=${user}`],
        ],
        [['Cookie', `lang=de; lang=${user}`]],
        [['Cookie', `xlang=${user}; lang =en`]],
        [['Cookie', '']],
        [['Authorization', `Bearer ${user}`]],
        [['Authorization', '']],
        [
          ['Authorization', `Bearer ${user}`],
          ['Authorization', 'Bearer none'],
        ],
        [
          ['AUTHORIZATION', `Basic ${user}`],
          ['Cookie', `session=${user}`],
        ],
      ),
    ),
    tenant: fc.oneof(
      { weight: 2, arbitrary: fc.constant<Lines>([]) },
      one<Lines>(
        [['X-Tenant', user]],
        [['X-Tenant', '']],
        [['x-tenant', `none, ${user}`]],
        [
          ['X-Tenant', 'none'],
          ['X-Tenant', user],
        ],
      ),
    ),
    forwarded: rarely(
      [['X-Forwarded-Host', evil]],
      [['X-Forwarded-Proto', 'https']],
      [['X-Forwarded-Proto', `http:6:${evil}`]],
      [
        ['X-Forwarded-Host', 'a.test'],
        ['X-Forwarded-Host', evil],
      ],
    ),
    tricks: rarely(
      [['X-HTTP-Method-Override', user]],
      [['X-Original-URL', `/${user}`]],
      [['X-Rewrite-URL', `/${user}`]],
      [['X-Bad', user]],
      [['Content-Type', `text/plain; charset=${user}`]],
      [['X-Host', evil]],
      [['Forwarded', `host=${evil}`]],
      [['Connection', 'X-Tenant']],
      [['Accept', user]],
      [['Cache-Control', 'no-cache']],
      [['Pragma', 'no-cache']],
    ),
    conditions: rarely(
      [['If-None-Match', '*']],
      [['If-None-Match', '"1"']],
      [['If-Modified-Since', 'Sun, 01 Jan 2090 00:00:00 GMT']],
      [['If-Match', '"1"']],
      [['Range', 'bytes=0-3']],
      [['Range', 'bytes=99999-']],
    ),
    message: fc.oneof(
      { weight: 5, arbitrary: fc.constant({ method: 'GET' }) },
      one(
        { method: 'HEAD' },
        { method: 'GET', body: `q=${user}` },
        { method: 'GET', body: `q=${user}`, chunked: true },
        { method: 'GET', body: '' },
        { method: 'POST', body: '' },
        { method: 'POST', body: 'same' },
        { method: 'POST', body: 'same', chunked: true },
        { method: 'POST', body: `of ${user}` },
        { method: 'QUERY', body: 'same' },
      ),
    ),
  })
}

const users = ['alice', 'robert'] as const

const step = fc.oneof(...users.map((user) => asking(user).map((question) => ({ user, ...question }))))

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What a request is in everything that a program does not look at. */
const usual: Omit<Step, 'user'> = {
  tail: 'a',
  query: '',
  form: 'origin',
  host: [['Host', 'a.test']],
  credentials: [],
  tenant: [],
  forwarded: [],
  tricks: [],
  conditions: [],
  message: { method: 'GET' },
}

const program = fc.record({
  part: one(...keysOf(parts)),
  deed: fc.oneof(fc.constant('plain' as const), one(...keysOf(deeds))),
  /** In what its requests may differ: in little, so that they meet under one key. */
  focus: fc.shuffledSubarray(keysOf(usual), { maxLength: 2 }),
  /** Of each batch all are asked at once. */
  batches: fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 }),
})

/** What a part or a deed is about. */
const telling: Readonly<Record<string, readonly (keyof typeof usual)[]>> = {
  query: ['query'],
  sorted: ['query'],
  vary: ['tenant'],
  cookies: ['credentials'],
  authorization: ['credentials'],
  content: ['message', 'credentials'],
  varies: ['tenant'],
  fails: ['tenant'],
  knows: ['credentials'],
  refuses: ['tricks'],
}

const focused = (whole: Step, focus: readonly (keyof typeof usual)[]): Step => {
  const { user } = whole
  const chosen = Object.fromEntries(focus.map((name) => [name, whole[name]]))
  return { user, ...usual, ...chosen }
}

const askOf = (
  part: string,
  deed: string,
  { tail, query, form, host, message, user, ...lines }: Step,
): Ask => {
  const target = `/${part}/${deed}/${tail}${query}`
  const authority = form === 'absolute' ? 'http://a.test' : form === 'origin' ? '' : `http://${user}.test`
  const { credentials, tenant, forwarded, tricks, conditions } = lines
  return {
    ...message,
    target: authority + target,
    fields: [...host, ...credentials, ...tenant, ...forwarded, ...tricks, ...conditions],
  }
}

const show = ({ status, fields, body }: Answer): string => JSON.stringify([status, body, fields])

const minted = (answer: Answer): string | undefined => answer.field('set-cookie')

/** Whether an answer is what another one, which nobody else had a part in, is too. */
const agrees = (answer: Answer, other: Answer): boolean => {
  if ((minted(answer) === undefined) !== (minted(other) === undefined)) return false
  if (answer.status === 206) {
    const range = /^bytes (\d+)-(\d+)\//.exec(answer.field('content-range') ?? '')
    return answer.body === other.body.slice(Number(range?.[1]), Number(range?.[2]) + 1)
  }
  if (answer.status === 416) return answer.field('content-range') === `bytes */${other.body.length}`
  if (answer.status === 304 || other.status === 304) return true
  return answer.status === other.status && answer.body === other.body
}

/** Where a handler refuses what is not in the key, what others were not refused is right, too. */
const unrefused = (ask: Ask): Ask => ({ ...ask, fields: ask.fields.filter(([name]) => name !== 'X-Bad') })

describe('nobody’s bytes are in another’s answer', () => {
  for (const name of keysOf(hosts)) {
    it(`on ${name}`, async () => {
      const warm = await mills(hosts[name], reflect)
      const cold = await mills(hosts[name], reflect)
      const bare = await serve(hosts[name](undefined, reflect))
      const run = fc.asyncProperty(program, async ({ part, deed, focus, batches }) => {
        await warm.forget()
        const tokens: string[] = []
        for (const batch of batches) {
          const dimensions = [...focus, ...(telling[part] ?? []), ...(telling[deed] ?? [])]
          const asks = batch.map((each) => askOf(part, deed, focused(each, dimensions)))
          const answers = await Promise.all(asks.map((each) => send(warm.port, each)))
          for (const [i, answer] of answers.entries()) {
            const ask = asks[i]
            const user = batch[i]?.user
            assert.ok(ask)
            const told = JSON.stringify([ask, answer.field('cache-status')])
            const others = users.filter((other) => other !== user).join()
            assert.ok(!JSON.stringify(answer).includes(others), `${others} in the answer to ${told}`)
            const like = async (port: number, question: Ask): Promise<boolean> => {
              await cold.forget()
              const other = await send(port, question)
              return (
                agrees(answer, other) ||
                (question !== ask && assert.fail(`${told}\n${show(answer)}\n${show(other)}`))
              )
            }
            const bareToo = 'isolate' in Object(parts[part].rule) ? [] : [bare.port]
            for (const port of [cold.port, ...bareToo]) {
              if (!(await like(port, ask))) await like(port, unrefused(ask))
            }
            const token = minted(answer)
            if (token !== undefined) tokens.push(token)
          }
        }
        assert.equal(new Set(tokens).size, tokens.length, 'a cookie was given twice')
      })
      try {
        await fc.assert(run, { ...seeded, numRuns: 200 * effort })
      } finally {
        await Promise.all([warm, cold, bare].map(({ close }) => close()))
      }
    })
  }
})
