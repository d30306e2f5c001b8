import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { metrics, timing } from '@millrace/timing'
import { type Handler, type Host, hosts, serve } from '../response-cache/hosts.ts'

const millOf = () =>
  millrace({
    plugins: [timing(), metrics({ process: false, maxSeries: 50 })],
    routes: { '/**': { timing: true }, 'GET /metrics': { timing: false, metrics: true } },
  })

/** What the page says of a metric: values by label text. */
const read = async (port: number, name: string): Promise<ReadonlyMap<string, number>> => {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))
  return new Map([...lines].map(([, labels = '', value]) => [labels, Number(value)]))
}

const sumBy = (values: ReadonlyMap<string, number>, label: string): Readonly<Record<string, number>> => {
  const sums: Record<string, number> = {}
  for (const [labels, value] of values) {
    const key = new RegExp(`${label}="([^"]*)"`).exec(labels)?.[1] ?? ''
    sums[key] = (sums[key] ?? 0) + value
  }
  return sums
}

/** All at once on one connection. @returns when all have been answered */
const pipelined = async (port: number, targets: readonly string[]): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  for (const [i, target] of targets.entries()) {
    const connection = i === targets.length - 1 ? 'close' : 'keep-alive'
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`)
  }
  socket.resume()
  await once(socket, 'close')
}

const served = async (host: Host, handler: Handler) => {
  const mill = millOf()
  await mill.start()
  const { port, close } = await serve(host(mill, handler))
  return {
    port,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await close()
      await mill.stop()
    },
  }
}

const durations = 'http_server_request_duration_seconds_count'

describe('a Millrace inside another', () => {
  it('leaves it to that one to count', async () => {
    await using scene = await served(
      (mill, handler) => hosts.Express(mill, handler, { express: mount(millOf())() }),
      () => ({ text: 'a city' }),
    )
    const { port } = scene
    await (await fetch(`http://127.0.0.1:${port}/1`)).text()
    let counted = await read(port, durations)
    while (counted.size === 0) counted = await read(port, durations)
    assert.deepEqual(sumBy(counted, 'outcome'), { ok: 1 })
  })
})

for (const [name, host] of Object.entries(hosts)) {
  describe(`what is counted on ${name}`, () => {
    it('is what was sent, by status, pipelined and aborted ones as well', async () => {
      let waiting = 0
      await using scene = await served(host, async ({ path }) => {
        if (path === '/hang') {
          waiting++
          return new Promise(() => undefined)
        }
        const status = Number(path.slice(1))
        return { status, text: String(status), isThrown: status === 500, isStream: status === 201 }
      })
      const { port } = scene
      const statuses = [200, 201, 404, 500, 503]
      await Promise.all(
        Array.from({ length: 20 }, (_, socket) =>
          pipelined(
            port,
            Array.from({ length: 25 }, (_, i) => `/${statuses[(socket + i) % statuses.length]}`),
          ),
        ),
      )
      const leaving = Array.from({ length: 7 }, () => connect(port, '127.0.0.1'))
      for (const socket of leaving) socket.write('GET /hang HTTP/1.1\r\nHost: a\r\n\r\n')
      while (waiting < leaving.length) await new Promise(setImmediate)
      assert.equal((await read(port, 'http_server_active_requests')).get('http_request_method="GET"'), 7)
      for (const socket of leaving) socket.destroy()
      let counted = await read(port, durations)
      while (sumBy(counted, 'outcome')['aborted'] !== 7) counted = await read(port, durations)
      assert.deepEqual(sumBy(counted, 'http_response_status_code'), {
        ...Object.fromEntries(statuses.map((status) => [status, 100])),
        0: 7,
      })
      assert.deepEqual(sumBy(counted, 'outcome'), { ok: 300, error: 100, rejected: 100, aborted: 7 })
      assert.equal((await read(port, 'http_server_active_requests')).get('http_request_method="GET"'), 0)
    })

    it('is an error where the body fails, not a client that left', async () => {
      await using scene = await served(host, () => ({ text: 'a city', isBroken: true }))
      const { port } = scene
      const broken = fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text())
      await assert.rejects(broken)
      let counted = await read(port, durations)
      while (counted.size === 0) counted = await read(port, durations)
      assert.deepEqual(sumBy(counted, 'outcome'), { error: 1 })
    })

    it('stays small under a hostile client, and complete', async () => {
      await using scene = await served(host, ({ path }) => ({
        status: 206 + (Number(path.slice(1)) % 90),
        text: '',
      }))
      const { port } = scene
      const count = 2000
      const methods = ['GET', 'POST', 'PROPFIND', 'M-SEARCH']
      for (let from = 0; from < count; from += 50) {
        await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            fetch(`http://127.0.0.1:${port}/${from + i}?${from + i}`, {
              method: methods[i % methods.length] ?? 'GET',
            }).then((answer) => answer.arrayBuffer()),
          ),
        )
      }
      let counted = await read(port, durations)
      const all = (): number => [...counted.values()].reduce((sum, value) => sum + value, 0)
      while (all() !== count) counted = await read(port, durations)
      assert.ok(counted.size <= 50)
    })
  })
}
