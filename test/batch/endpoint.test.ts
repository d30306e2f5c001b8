import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { batchDenied } from '@millrace/batch'
import { hosts, type Served, serving } from './hosts.ts'

interface Part {
  readonly id: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body?: unknown
  readonly encoding?: string
}

const ask = (
  { port }: Served,
  batch: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof batch === 'string' ? batch : JSON.stringify(batch),
  })

const partsOf = async (answer: Response): Promise<readonly Part[]> => {
  assert.equal(answer.status, 200)
  return JSON.parse(await answer.text())
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

const echoed = (part: Part | undefined) => {
  assert.ok(typeof part?.body === 'object' && part.body !== null)
  const echo: {
    method?: string
    url?: string
    headers?: Record<string, string>
    body?: string
    ip?: string
  } = part.body
  return echo
}

for (const host of Object.keys(hosts)) {
  describe(`a batch endpoint on ${host}`, () => {
    test('answers each request on its own, in order', () =>
      serving(host, {}, async (served) => {
        const parts = await partsOf(
          await ask(served, [
            { id: 'a', path: '/x?q=1' },
            { path: '/status/404' },
            { id: 'c', method: 'POST', path: '/x', body: { n: [1, 2] } },
            { id: 'd', path: '/text' },
            { id: 'e', path: '/bytes' },
            { id: 'f', path: '/liar' },
            { id: 'g', path: '/cookies' },
            { id: 'h', method: 'HEAD', path: '/text' },
            {
              id: 'i',
              method: 'PUT',
              path: '/x',
              encoding: 'text',
              body: 'a,b',
              headers: { 'Content-Type': 'text/csv' },
            },
            { id: 'j', method: 'PATCH', path: '/x', encoding: 'base64', body: 'aGk=' },
          ]),
        )
        assert.deepEqual(
          parts.map(({ id }) => id),
          ['a', '1', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
        )
        const [a, b, c, d, e, f, g, h, i, j] = parts
        assert.deepEqual([echoed(a).method, echoed(a).url], ['GET', '/x?q=1'])
        assert.deepEqual([b?.status, b?.body], [404, undefined])
        assert.deepEqual(
          [echoed(c).body, echoed(c).headers?.['content-type']],
          ['{"n":[1,2]}', 'application/json'],
        )
        assert.deepEqual([d?.body, d?.encoding], ['çà', 'text'])
        assert.deepEqual([e?.body, e?.encoding], ['iVD/', 'base64'])
        assert.deepEqual(
          [Buffer.from(String(f?.body), 'base64').toString(), f?.encoding],
          ['{"a":1}}, {"id":"b"', 'base64'],
        )
        assert.deepEqual(
          [g?.body, g?.headers['set-cookie']],
          [
            [1, 2],
            ['a=1', 'b=2'],
          ],
        )
        assert.deepEqual([h?.status, h?.body], [200, undefined])
        assert.deepEqual([echoed(i).body, echoed(i).headers?.['content-type']], ['a,b', 'text/csv'])
        assert.equal(echoed(j).body, 'hi')
      }))

    test("sends the caller's credentials, way and language, and nothing of the batch's own message", () =>
      serving(host, {}, async (served) => {
        const [part] = await partsOf(
          await ask(served, [{ path: '/x', headers: { Accept: 'text/html' } }], {
            authorization: 'Bearer me',
            cookie: 'sid=1',
            'x-forwarded-for': '192.0.2.7',
            'accept-language': 'de',
            'if-none-match': '"a"',
            'idempotency-key': 'k',
            'x-http-method-override': 'DELETE',
            'x-original-url': '/admin',
            'x-original-host': 'a.test',
          }),
        )
        const { headers = {}, ip } = echoed(part)
        assert.equal(headers['authorization'], 'Bearer me')
        assert.equal(headers['cookie'], 'sid=1')
        assert.equal(headers['host'], `127.0.0.1:${served.port}`)
        assert.equal(headers['x-forwarded-for'], '192.0.2.7')
        assert.equal(headers['x-original-host'], 'a.test')
        assert.equal(headers['accept-language'], 'de')
        assert.equal(headers['accept'], 'text/html')
        for (const name of [
          'if-none-match',
          'idempotency-key',
          'x-http-method-override',
          'x-original-url',
          'content-length',
          'content-type',
          'connection',
        ])
          assert.equal(headers[name], undefined, name)
        assert.match(ip ?? '', /127\.0\.0\.1$/)
      }))

    test('sends who depends on another after it, and not at all when that fails', () =>
      serving(host, {}, async (served) => {
        const parts = await partsOf(
          await ask(served, [
            { id: 'last', path: '/3', dependsOn: ['middle'] },
            { id: 'middle', path: '/2', dependsOn: ['first', 'first'] },
            { id: 'first', path: '/1' },
            { id: 'bad', path: '/status/500' },
            { id: 'left', path: '/4', dependsOn: ['bad', 'first'] },
            { id: 'further', path: '/5', dependsOn: ['left'] },
          ]),
        )
        assert.deepEqual(
          parts.map(({ status }) => status),
          [200, 200, 200, 500, 424, 424],
        )
        const order = served.seen.targets.filter((target) => /\/[123]$/.test(target))
        assert.deepEqual(order, ['GET /1', 'GET /2', 'GET /3'])
        assert.ok(!served.seen.targets.some((target) => /\/[45]$/.test(target)))
      }))

    test('runs no more at the same time than it may', () =>
      serving(host, { concurrency: 3 }, async (served) => {
        const parts = await partsOf(
          await ask(
            served,
            Array.from({ length: 20 }, (_, i) => ({ path: `/${i}` })),
          ),
        )
        assert.deepEqual(
          parts.map((part) => echoed(part).url),
          Array.from({ length: 20 }, (_, i) => `/${i}`),
        )
        assert.equal(served.seen.most, 3)
      }))

    test('streams each answer as a line when it is there', () =>
      serving(host, {}, async (served) => {
        const answer = await ask(
          served,
          [
            { id: 'slow', path: '/hang' },
            { id: 'a', path: '/a' },
          ],
          {
            accept: 'application/x-ndjson',
          },
        )
        assert.equal(answer.headers.get('content-type'), 'application/x-ndjson')
        assert.ok(answer.body)
        const reader = answer.body.getReader()
        const { value } = await reader.read()
        assert.equal(JSON.parse(Buffer.from(value ?? []).toString()).id, 'a')
        await reader.cancel()
        await until(() => served.seen.aborted === 1)
      }))

    test('answers in parts, each an HTTP response, to who asks for that', () =>
      serving(host, {}, async (served) => {
        const answer = await ask(
          served,
          [
            { id: 'a', path: '/text' },
            { id: 'b', path: '/cookies' },
            { id: 'c', path: '/status/204' },
          ],
          { accept: 'multipart/mixed, application/json;q=0.5' },
        )
        const [, boundary] =
          /^multipart\/mixed; boundary=(\S+)$/.exec(answer.headers.get('content-type') ?? '') ?? []
        const [before, ...parts] = (await answer.text()).split(`--${boundary}`)
        assert.equal(before, '')
        assert.equal(parts.pop(), '--\r\n')
        assert.equal(parts.length, 3)
        const first = (parts[0] ?? '').split('\r\n\r\n')
        assert.match(first[0] ?? '', /^\r\nContent-Type: application\/http\r\n/)
        assert.match(first[0] ?? '', /Content-ID: <response-a>/)
        assert.match(first[1] ?? '', /^HTTP\/1\.1 200 OK\r\n/)
        assert.match(first[1] ?? '', /\r\nContent-Length: 4$/)
        assert.equal(first[2], 'çà\r\n')
        assert.match(parts[1] ?? '', /set-cookie: a=1\r\nset-cookie: b=2\r\n/i)
        assert.match(parts[2] ?? '', /HTTP\/1\.1 204 /)
      }))

    test('ends what runs when the client leaves, and begins no more', () =>
      serving(host, { concurrency: 2 }, async (served) => {
        const batch = [{ path: '/hang' }, { path: '/hang' }, { path: '/never' }]
        const leaving = new AbortController()
        const asked = fetch(`http://127.0.0.1:${served.port}/batch`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(batch),
          signal: leaving.signal,
        })
        await until(() => served.seen.targets.length === 2)
        leaving.abort()
        await assert.rejects(asked)
        await until(() => served.seen.aborted === 2)
        assert.deepEqual(served.seen.targets, ['GET /hang', 'GET /hang'])
      }))

    test('says what was not done in time, and of answers that are too long or none', () =>
      serving(host, { concurrency: 3, timeout: '300ms', answer: 1000 }, async (served) => {
        const parts = await partsOf(
          await ask(served, [
            { path: '/big/1000' },
            { path: '/big/1001' },
            { path: '/flood' },
            { path: '/broken' },
            { path: '/hang' },
            { path: '/hang' },
            { path: '/hang' },
            { path: '/x' },
          ]),
        )
        assert.deepEqual(
          parts.map(({ status }) => status),
          [200, 502, 502, 502, 504, 504, 504, 503],
        )
        await until(() => served.seen.aborted === 3)
      }))

    describe('refuses before anything is done', () => {
      const limits = { body: '200kb', depth: 3, paths: ['/'], except: ['/admin'], receive: '200ms' } as const
      const chain = (length: number) =>
        Array.from({ length }, (_, i) => ({
          id: `${i}`,
          path: '/x',
          ...(i > 0 && { dependsOn: [`${i - 1}`] }),
        }))
      const hostile: readonly (readonly [
        name: string,
        batch: unknown,
        status: number,
        why: string,
        headers?: Readonly<Record<string, string>>,
      ])[] = [
        ['100,000 requests', `[${'{},'.repeat(66_000)}{}]`, 413, 'count'],
        [
          '100,000 requests in as many bytes',
          Array.from({ length: 100_000 }, () => ({ path: '/x' })),
          413,
          'size',
        ],
        ['one more than it may have', Array.from({ length: 51 }, () => ({ path: '/x' })), 413, 'count'],
        ['a huge body', [{ method: 'POST', path: '/x', body: 'x'.repeat(300_000) }], 413, 'size'],
        ['brackets without end', '['.repeat(150_000), 400, 'json'],
        ['no JSON', '{"requests":', 400, 'json'],
        ['neither an array nor requests', { path: '/x' }, 400, 'shape'],
        ['another type', '[]', 415, 'type', { 'content-type': 'text/plain' }],
        ['a form', 'a=1', 415, 'type', { 'content-type': 'application/x-www-form-urlencoded' }],
        ['nothing that it takes', [], 406, 'accept', { accept: 'image/png' }],
        ['a word that every object knows', [], 406, 'accept', { accept: 'constructor' }],
        ['an unknown property', [{ path: '/x', __proto__: null, user: 'root' }], 400, 'shape'],
        ['a prototype', '[{"path":"/x","__proto__":{"a":1}}]', 400, 'shape'],
        ['an id with a line end', [{ id: 'a\r\nX: y', path: '/x' }], 400, 'shape'],
        [
          'an id that stands twice',
          [
            { id: 'a', path: '/x' },
            { id: 'a', path: '/y' },
          ],
          400,
          'id',
        ],
        ['a name that is an index', [{ id: '1', path: '/x' }, { path: '/y' }], 400, 'id'],
        ['a batch in a batch', [{ method: 'POST', path: '/batch', body: [] }], 400, 'nested'],
        ['the same in other letters', [{ method: 'POST', path: '/BAT%63h/?a', body: [] }], 400, 'nested'],
        [
          'a loop',
          [
            { id: 'a', path: '/x', dependsOn: ['b'] },
            { id: 'b', path: '/x', dependsOn: ['a'] },
          ],
          400,
          'cycle',
        ],
        ['itself', [{ id: 'a', path: '/x', dependsOn: ['a'] }], 400, 'cycle'],
        ['what is not there', [{ path: '/x', dependsOn: ['b'] }], 400, 'dependency'],
        ['too many in a row', chain(4), 400, 'depth'],
        ['a method that it may not have', [{ method: 'CONNECT', path: '/x' }], 400, 'method'],
        ['a method in small letters', [{ method: 'get', path: '/x' }], 400, 'method'],
        ['a GET with a body', [{ path: '/x', body: 1 }], 400, 'body'],
        ['no base64', [{ method: 'POST', path: '/x', encoding: 'base64', body: 'a' }], 400, 'body'],
        ...[
          'http://evil.test/x',
          '//evil.test/x',
          'x',
          '',
          '*',
          '/a b',
          '/a\nb',
          '/a\r\nX: y',
          '/a\\b',
          '/a#b',
          '/a//b',
          '/./a',
        ]
          .concat(
            '/../a',
            '/a/..',
            '/%2e%2e/a',
            '/a%2fb',
            '/a%5cb',
            '/a%00',
            '/%',
            '/%zz',
            '/%ff',
            '/é',
            '/admin',
          )
          .concat('/admin/users', '/ADMIN', '/%61dmin', '/admin?a')
          .map((path) => [`the path ${JSON.stringify(path)}`, [{ path }], 400, 'path'] as const),
        ...[
          'Authorization',
          'cookie',
          'Host',
          'Connection',
          'Transfer-Encoding',
          'Content-Length',
          'X-Forwarded-For',
          'Forwarded',
        ]
          .concat(
            'Upgrade',
            'TE',
            'Expect',
            'X-HTTP-Method-Override',
            'X-Original-URL',
            'Origin',
            'X-User',
            'a b',
            ':path',
          )
          .map(
            (name) =>
              [`the field ${name}`, [{ path: '/x', headers: { [name]: 'a' } }], 400, 'header'] as const,
          ),
        [
          'a field that ends its line',
          [{ path: '/x', headers: { accept: 'a\r\nX-User: root' } }],
          400,
          'header',
        ],
        ['a field with a NUL', [{ path: '/x', headers: { accept: 'a\0' } }], 400, 'header'],
        ['a field twice', [{ path: '/x', headers: { accept: 'a', Accept: 'b' } }], 400, 'header'],
      ]
      test('what is hostile or wrong', () =>
        serving(host, limits, async (served) => {
          const whys: string[] = []
          const deaf = batchDenied.subscribe(({ why }) => whys.push(why))
          for (const [name, batch, status, why, headers] of hostile) {
            const answer = await ask(served, batch, headers)
            const said = await answer.text()
            assert.deepEqual([answer.status, whys.pop()], [status, why], `${name}: ${said}`)
            assert.equal(answer.headers.get('content-type'), 'application/problem+json', name)
          }
          deaf()
          const got = await fetch(`http://127.0.0.1:${served.port}/batch`)
          assert.deepEqual([got.status, got.headers.get('allow')], [405, 'POST'])
          assert.deepEqual(served.seen.targets, [])
        }))

      const head = 'POST /batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
      const answerOf = async ({ port }: Served, write: (socket: Socket) => void): Promise<string> => {
        const socket = connect(port, '127.0.0.1')
        await once(socket, 'connect')
        let answer = ''
        socket.on('data', (chunk) => (answer += chunk))
        // Who still sends may be told so by a reset alone.
        socket.on('error', () => undefined)
        write(socket)
        await new Promise((resolve) => socket.once('close', resolve))
        return answer
      }

      test('a sender that is slow, and one that never ends', () =>
        serving(host, limits, async (served) => {
          const whys: string[] = []
          const deaf = batchDenied.subscribe(({ why }) => whys.push(why))
          const slow = await answerOf(served, (socket) => socket.write(`${head}Content-Length: 100\r\n\r\n[`))
          assert.match(slow, /^HTTP\/1\.1 408 /)
          const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
          const endless = await answerOf(served, (socket) => {
            socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`)
            const more = setInterval(() => socket.write(chunk), 1)
            socket.once('close', () => clearInterval(more))
          })
          if (endless !== '') assert.match(endless, /^HTTP\/1\.1 413 /)
          deaf()
          assert.deepEqual(whys, ['slow', 'size'])
          assert.deepEqual(served.seen.targets, [])
        }))
    })
  })
}
