import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { batchDenied, batchProcess, operation, type ProcessRule } from '@millrace/batch'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import { z } from 'zod'

const apps: Readonly<Record<string, (mill: Millrace<readonly AnyPlugin[]>) => RequestListener>> = {
  'Express 5': (mill) => express().use(mountExpress(mill)()),
  'Express 4': (mill) => express4().use(mountExpress(mill)()),
  'Koa 3': (mill) => {
    const app = new Koa()
    app.silent = true
    return app.use(mountKoa(mill)()).callback()
  },
}

/** What operations have been given. */
class Seen {
  readonly sizes: number[] = []
  readonly signals: AbortSignal[] = []
  calls = 0
}

const serving = async (
  host: string,
  rule: ProcessRule,
  use: (origin: string, seen: Seen, mill: Millrace<readonly AnyPlugin[]>) => Promise<void>,
): Promise<void> => {
  const seen = new Seen()
  const shout = operation({
    item: z.string().max(5),
    many: (items) => {
      seen.calls++
      seen.sizes.push(items.length)
      return items.map((item) => (item === 'bad' ? new Error('secret') : item.toUpperCase()))
    },
    size: 10,
    concurrency: 1,
  })
  const each = operation({
    item: z.coerce.number(),
    each: (item, { exchange, signal }) => {
      seen.calls++
      seen.signals.push(signal)
      if (item === 0) throw Object.assign(new Error('no zero'), { expose: true })
      if (item < 0) return new Promise(() => undefined)
      return `${exchange.headers['x-user']} ${item}`
    },
    concurrency: 2,
  })
  const count = operation({ item: z.number(), each: BigInt })
  const plugin = batchProcess({ operations: { shout, each, count, hidden: each } })
  const mill: Millrace<readonly AnyPlugin[]> = millrace({
    plugins: [plugin],
    routes: {
      'POST /batch/process': { batchProcess: { operations: ['shout', 'each', 'count'], ...rule } },
      'DELETE /batch/process/:id': { batchProcess: true },
    },
  })
  const make = apps[host]
  if (make === undefined) throw new Error(`there is no host ${host}`)
  const server = createServer(make(mill))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/batch/process`, seen, mill)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await mill.stop()
  }
}

const ask = (
  url: string,
  said: unknown,
  headers: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(said),
    ...(signal && { signal }),
  })

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** The events of a stream, one by one. */
async function* eventsOf(answer: Response): AsyncGenerator<{ name: string; data: Record<string, unknown> }> {
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  let text = ''
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString()
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
      text = text.slice(end + 2)
      yield { name, data: JSON.parse(data) }
    }
  }
}

const running = (mill: Millrace<readonly AnyPlugin[]>): number => {
  const shown = mill.inspect().plugins['batchProcess']
  assert.ok(typeof shown === 'object' && shown !== null && 'running' in shown && Array.isArray(shown.running))
  return shown.running.length
}

for (const host of Object.keys(apps)) {
  describe(`a list that is sent on ${host}`, () => {
    test('is worked through, and each item has its own result', () =>
      serving(host, {}, async (url, seen) => {
        const items = Array.from({ length: 25 }, (_, i) => (i === 3 ? 'bad' : `a${i}`))
        const answer = await ask(url, { operation: 'shout', items, batchSize: 8 })
        assert.equal(answer.status, 200)
        const { end, total, done, failed, cursor, results } = JSON.parse(await answer.text())
        assert.deepEqual(
          { end, total, done, failed, cursor },
          { end: 'done', total: 25, done: 24, failed: 1, cursor: 25 },
        )
        assert.deepEqual(results[2], { index: 2, status: 'fulfilled', value: 'A2' })
        assert.deepEqual(results[3], { index: 3, status: 'rejected', reason: 'failed' })
        assert.deepEqual(
          results.map(({ index }: { index: number }) => index),
          items.map((_, i) => i),
        )
        assert.deepEqual(seen.sizes, [8, 8, 8, 1])
        const other = await ask(url, { operation: 'each', items: ['7', 0] }, { 'x-user': 'ada' })
        const [seven, zero] = JSON.parse(await other.text()).results
        assert.equal(seven.value, 'ada 7')
        assert.equal(zero.reason, 'no zero')
      }))

    test('tells of itself by events', () =>
      serving(host, {}, async (url, _seen, mill) => {
        const answer = await ask(
          url,
          { operation: 'shout', items: ['a', 'bad'] },
          { accept: 'text/event-stream' },
        )
        const names: string[] = []
        let last: Record<string, unknown> = {}
        for await (const { name, data } of eventsOf(answer)) {
          names.push(name)
          last = data
        }
        assert.deepEqual(
          names.filter((name) => name !== 'progress'),
          ['begun', 'item', 'item', 'end'],
        )
        assert.deepEqual([last['end'], last['done'], last['failed']], ['done', 1, 1])
        await until(() => running(mill) === 0)
      }))

    test('is cancelled by its id, and by leaving', () =>
      serving(host, {}, async (url, seen, mill) => {
        const said = { operation: 'each', items: [1, -1, -1, -1, -1] }
        const answer = await ask(url, said, { accept: 'text/event-stream' })
        let id = ''
        const ends: unknown[] = []
        for await (const { name, data } of eventsOf(answer)) {
          if (name === 'begun') id = String(data['id'])
          if (name === 'item') assert.equal((await fetch(`${url}/${id}`, { method: 'DELETE' })).status, 204)
          if (name === 'end') ends.push([data['end'], data['done'], data['cursor']])
        }
        assert.deepEqual(ends, [['cancelled', 1, 1]])
        await until(() => running(mill) === 0)
        assert.equal((await fetch(`${url}/${id}`, { method: 'DELETE' })).status, 404)
        assert.ok(seen.signals.slice(1).every(({ aborted }) => aborted))

        for (const accept of ['text/event-stream', 'application/json']) {
          const leaving = new AbortController()
          const before = seen.calls
          const left = ask(url, { operation: 'each', items: [-1, -1, -1] }, { accept }, leaving.signal).then(
            async (answer) => answer.text(),
          )
          await until(() => seen.calls === before + 2)
          leaving.abort()
          await assert.rejects(left)
          await until(() => running(mill) === 0)
          assert.ok(seen.signals.slice(before).every(({ aborted }) => aborted))
          assert.equal(seen.calls, before + 2)
        }
      }))

    test('ends in time, and tells what was done', () =>
      serving(host, { timeout: '150ms' }, async (url) => {
        const answer = await ask(url, { operation: 'each', items: [1, 2, -1, 3, -1, 4] })
        const { end, results, cursor } = JSON.parse(await answer.text())
        assert.deepEqual([end, cursor, results.length], ['late', 2, 3])
      }))

    test('leaves its place, also when its results cannot be sent', () =>
      serving(host, { concurrency: 1 }, async (url, _, mill) => {
        for (let i = 0; i < 2; i++) {
          const answer = await ask(url, { operation: 'count', items: [1] })
          assert.equal(answer.status, 500, await answer.text())
        }
        assert.equal(running(mill), 0)
        assert.equal((await ask(url, { operation: 'shout', items: ['a'] })).status, 200)
      }))

    test('is not taken after the stop', () =>
      serving(host, {}, async (url, seen, mill) => {
        await mill.start()
        await mill.stop()
        const late = await ask(url, { operation: 'shout', items: ['a'] })
        assert.deepEqual([late.status, seen.calls], [503, 0], await late.text())
        await mill.start()
        assert.equal((await ask(url, { operation: 'shout', items: ['a'] })).status, 200)
      }))

    test('is refused before anything is done, where something is wrong with it', () =>
      serving(host, { max: 100, body: '10kb', concurrency: 1 }, async (url, seen, mill) => {
        const whys: string[] = []
        const deaf = batchDenied.subscribe(({ why }) => whys.push(why))
        const wrong: readonly (readonly [unknown, number, string])[] = [
          [{ operation: 'shout', items: Array.from({ length: 101 }, () => 'a') }, 413, 'count'],
          [{ operation: 'shout', items: ['x'.repeat(20_000)] }, 413, 'size'],
          [{ operation: 'hidden', items: [1] }, 400, 'operation'],
          [{ operation: 'constructor', items: [1] }, 400, 'operation'],
          [{ operation: '__proto__', items: [1] }, 400, 'operation'],
          [{ operation: 'console.log(1)', items: [1] }, 400, 'operation'],
          [{ operation: 'shout', items: ['a', 'too long'] }, 400, 'item'],
          [{ operation: 'shout', items: ['a'], batchSize: 11 }, 400, 'size'],
          [{ operation: 'each', items: [1], batchSize: 2 }, 400, 'size'],
          [{ operation: 'shout', items: ['a'], batchSize: 0 }, 400, 'shape'],
          [{ operation: 'shout', items: 'a' }, 400, 'shape'],
          [{ operation: 'shout', items: [], code: 'x' }, 400, 'shape'],
          [[], 400, 'shape'],
        ]
        for (const [said, status, why] of wrong) {
          const answer = await ask(url, said)
          assert.deepEqual([answer.status, whys.pop()], [status, why], `${await answer.text()}`)
        }
        assert.equal(seen.calls, 0)
        const leaving = new AbortController()
        const first = ask(url, { operation: 'each', items: [-1] }, {}, leaving.signal)
        await until(() => seen.calls === 1)
        const second = await ask(url, { operation: 'shout', items: ['a'] })
        assert.deepEqual([second.status, second.headers.get('retry-after'), whys.pop()], [503, '1', 'busy'])
        leaving.abort()
        await assert.rejects(first)
        await until(() => running(mill) === 0)
        assert.equal((await ask(url, { operation: 'shout', items: ['a'] })).status, 200)
        deaf()
      }))
  })
}
