import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { batchAnswered, batchEndpoint, type EndpointRule } from '@millrace/batch'
import { millrace, type Reply, reply, type SyntheticRequest } from '@millrace/core'
import { type FakeExchange, fakeExchange, settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { canonicalPath, isWithin } from '../src/endpoint/path.ts'
import { plan } from '../src/endpoint/plan.ts'
import type { SubRequest } from '../src/endpoint/sub-request.ts'

const textOf = async ({ body }: Reply): Promise<string> => {
  if (body === null || body instanceof Uint8Array) return Buffer.from(body ?? []).toString()
  let text = ''
  for await (const chunk of body) text += Buffer.from(chunk).toString()
  return text
}

interface Answered {
  readonly id: string
  readonly status: number
}

const statuses = async (answer: Reply): Promise<readonly number[]> => {
  const answers: readonly Answered[] = JSON.parse(await textOf(answer))
  return answers.map(({ status }) => status)
}

const runs = 200 * Number(process.env['MILLRACE_RUNS'] ?? 1)

const requestOf = (id: string, dependsOn: readonly string[]): SubRequest => ({
  id,
  dependsOn,
  method: 'GET',
  url: '/',
  headers: {},
  body: undefined,
})

/** The longest way to each request, or undefined where one waits for itself: by trying, as long as anything changes. */
const levels = (edges: readonly (readonly number[])[]): readonly number[] | undefined => {
  const found = edges.map(() => 1)
  for (let round = 0; round <= edges.length; round++) {
    let isChanged = false
    for (const [index, before] of edges.entries()) {
      const level = 1 + Math.max(0, ...before.map((each) => found[each] ?? 0))
      if (level > (found[index] ?? 0)) {
        found[index] = level
        isChanged = true
      }
    }
    if (!isChanged) return found
  }
  return undefined
}

const graphs = fc
  .integer({ min: 1, max: 8 })
  .chain((count) =>
    fc.array(fc.array(fc.nat(count - 1), { maxLength: 2 }), { minLength: count, maxLength: count }),
  )

describe('what depends on what', () => {
  test('is refused where it never ends or is too deep, and nowhere else', () =>
    fc.assert(
      fc.property(graphs, fc.integer({ min: 1, max: 8 }), (edges, depth) => {
        const requests = edges.map((before, id) => requestOf(`${id}`, before.map(String)))
        const expected = levels(edges)
        const most = Math.max(...(expected ?? [0]))
        if (expected === undefined) assert.throws(() => plan(requests, depth), { why: /cycle|depth/ })
        else if (most > depth) assert.throws(() => plan(requests, depth), { why: 'depth' })
        else assert.equal(plan(requests, depth).length, edges.length)
      }),
      { numRuns: runs },
    ))
})

describe('a path', () => {
  test('has one spelling, which is its own', () =>
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        const canonical = canonicalPath(path)
        if (canonical === undefined) return
        assert.equal(canonical, canonical.toLowerCase())
        assert.equal(
          canonicalPath(encodeURI(canonical).replaceAll('?', '%3F').replaceAll('#', '%23')),
          canonical,
        )
        assert.ok(isWithin(canonical, '/') && isWithin(canonical, canonical))
        assert.ok(canonical === '/' || isWithin(`${canonical}/x`, canonical))
        assert.ok(canonical === '/' || !isWithin(`${canonical}x`, canonical))
      }),
      { numRuns: runs },
    ))

  test('that a URL parser reads as another one is none', () =>
    fc.assert(
      fc.property(fc.stringMatching(/^\/[\w./\\%?#@:;~ -]{0,20}$/), (path) => {
        const canonical = canonicalPath(path)
        if (canonical === undefined) return
        const { origin, pathname } = new URL(path, 'http://app.test')
        assert.equal(origin, 'http://app.test')
        assert.equal(canonicalPath(pathname), canonical)
      }),
      { numRuns: runs },
    ))
})

describe('batchEndpoint', () => {
  const at = async (
    rule: EndpointRule,
    requests: unknown,
    app: (request: SyntheticRequest) => Reply | Promise<Reply>,
    use: (answering: Promise<Reply>, exchange: FakeExchange, clock: VirtualClock) => Promise<void>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const clock = new VirtualClock()
    const mill = millrace({
      plugins: [batchEndpoint()],
      routes: { 'POST /batch': { batchEndpoint: rule } },
      clock,
    })
    const exchange = fakeExchange({
      method: 'POST',
      url: '/batch',
      headers: { 'content-type': 'application/json', ...headers },
      body: Buffer.from(JSON.stringify(requests)),
      app,
    })
    await use(mill.match('POST', '/batch').run(exchange), exchange, clock)
    exchange.finish()
    await settled()
    assert.equal(clock.pending, 0)
    assert.equal(exchange.runs, 0)
  }

  test('answers each request once and no sooner than what it depends on, whatever happens', () =>
    fc.assert(
      fc.asyncProperty(
        graphs,
        fc.array(fc.constantFrom(200, 204, 404, 500, 'throws', 'long', 'hangs'), {
          minLength: 8,
          maxLength: 8,
        }),
        fc.integer({ min: 1, max: 4 }),
        async (edges, fates, concurrency) => {
          if (levels(edges) === undefined) return
          const begun: number[] = []
          const over = new Set<number>()
          let running = 0
          const app = async ({ url, signal }: SyntheticRequest): Promise<Reply> => {
            const id = Number(url.slice(1))
            begun.push(id)
            assert.ok(++running <= concurrency)
            for (const before of edges[id] ?? []) assert.ok(over.has(before))
            await settled()
            const fate = fates[id]
            if (fate === 'hangs') await new Promise((resolve) => signal?.addEventListener('abort', resolve))
            running--
            over.add(id)
            if (fate === 'throws') throw new Error('no')
            return fate === 'long' ? reply(200, {}, 'x'.repeat(11)) : reply(Number(fate) || 200)
          }
          const requests = edges.map((before, id) => ({
            id: `${id}`,
            path: `/${id}`,
            dependsOn: before.map(String),
          }))
          await at(
            { concurrency, answer: 10, depth: 8, timeout: '1m' },
            requests,
            app,
            async (answering, _, clock) => {
              for (let i = 0; i < 30; i++) await settled()
              await clock.advance(60_000)
              const found = await statuses(await answering)
              assert.deepEqual(begun.toSorted(), [...new Set(begun)].toSorted())
              for (const [id, status] of found.entries()) {
                const fate = fates[id]
                const own = fate === 'throws' || fate === 'long' ? 502 : fate === 'hangs' ? 504 : fate
                const isSpoilt = (edges[id] ?? []).some((before) => (found[before] ?? 0) >= 400)
                if (isSpoilt) assert.ok(status === 424)
                else if (begun.includes(id)) assert.equal(status, own)
                else assert.equal(status, 503)
              }
            },
          )
        },
      ),
      { numRuns: runs / 4 },
    ))

  test('answers as long a chain as it may, also when the first fails', async () => {
    const requests = Array.from({ length: 10_000 }, (_, i) => ({
      path: '/x',
      dependsOn: i === 0 ? [] : [`${i - 1}`],
    }))
    await at(
      { max: 10_000, depth: 10_000 },
      requests,
      () => reply(404),
      async (answering) => {
        const found = await statuses(await answering)
        assert.deepEqual([found.length, found[0], new Set(found.slice(1))], [10_000, 404, new Set([424])])
      },
    )
  })

  test('tells of what it has answered, also to nobody', async () => {
    const told: unknown[] = []
    const deaf = batchAnswered.subscribe(({ format, size, errors, route }) =>
      told.push([route, format, size, errors]),
    )
    const requests = [{ path: '/a' }, { path: '/b' }]
    const app = ({ url }: SyntheticRequest): Reply => reply(url === '/b' ? 500 : 200)
    await at({}, requests, app, async (answering) =>
      assert.deepEqual(await statuses(await answering), [200, 500]),
    )
    await at(
      {},
      { requests },
      () => new Promise(() => undefined),
      async (answering, exchange) => {
        await settled()
        exchange.leave()
        const { responses } = JSON.parse(await textOf(await answering))
        assert.deepEqual(
          responses.map(({ status }: Answered) => status),
          [504, 504],
        )
      },
    )
    deaf()
    assert.deepEqual(told, [
      ['POST /batch', 'json', 2, 1],
      ['POST /batch', 'json', 2, 2],
    ])
  })

  test('has one line for each, also of those that are answered when nobody waits any more', async () => {
    const app = ({ signal }: SyntheticRequest): Promise<Reply> =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve(reply(200))))
    await at(
      { timeout: '1s', concurrency: 2 },
      [{ path: '/a' }, { path: '/b' }, { path: '/c' }],
      app,
      async (answering, _, clock) => {
        await settled()
        await clock.advance(1000)
        const lines = (await textOf(await answering)).trimEnd().split('\n')
        assert.deepEqual(
          lines.map((line) => JSON.parse(line)).map(({ id, status }: Answered) => [id, status]),
          [
            ['0', 504],
            ['1', 504],
            ['2', 503],
          ],
        )
      },
      { accept: 'application/x-ndjson' },
    )
  })

  test('takes the best of what the client likes', async () => {
    const likes: readonly (readonly [accept: string, type: RegExp])[] = [
      ['*/*', /^application\/json$/],
      ['application/json;q=0.1, application/x-ndjson', /^application\/x-ndjson$/],
      ['multipart/*;q=0.9, application/json;q=0.8', /^multipart\/mixed; boundary=/],
      ['text/html, */*;q=0.1', /^application\/json$/],
      ['multipart/mixed;q=0, application/json', /^application\/json$/],
    ]
    for (const [accept, type] of likes)
      await at(
        {},
        [],
        () => reply(200),
        async (answering) => {
          const answer = await answering
          assert.match(answer.headers.get('content-type') ?? '', type, accept)
          await textOf(answer)
        },
        { accept },
      )
  })

  test('names what is wrong with its rule', () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ max: 0 }, /batchEndpoint\.max/],
      [{ headers: ['Cookie'] }, /batchEndpoint\.headers/],
      [{ headers: ['X-Forwarded-For'] }, /batchEndpoint\.headers/],
      [{ paths: ['api'] }, /batchEndpoint\.paths/],
      [{ methods: ['get'] }, /batchEndpoint\.methods/],
      [{ timeout: Number.POSITIVE_INFINITY }, /batchEndpoint\.timeout/],
      [{ body: 'much' }, /batchEndpoint\.body/],
    ]
    for (const [rule, message] of wrong)
      assert.throws(
        () => millrace({ plugins: [batchEndpoint()], routes: { 'POST /batch': { batchEndpoint: rule } } }),
        { name: 'ConfigError', message },
      )
  })
})
