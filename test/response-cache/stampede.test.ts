import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { type Host, hosts, type Said, serve } from './hosts.ts'
import { type Answer, send } from './raw.ts'

const page = { target: '/a', fields: [['Host', 'a.test']] } as const

/** A handler that is let go by hand, and how many requests have come so far. */
const served = async (host: Host, say: () => Said) => {
  let arrived = 0
  let runs = 0
  const gate = Promise.withResolvers<void>()
  const mill = millrace({ plugins: [cache()], routes: { '/**': { cache: { ttl: '1m', wait: '5m' } } } })
  const app = host(mill, async () => {
    runs++
    await gate.promise
    return say()
  })
  const { port, close } = await serve((req, res) => {
    arrived++
    app(req, res)
  })
  return {
    port,
    ask: (): Promise<Answer> => send(port, page),
    go: (): void => gate.resolve(),
    runs: (): number => runs,
    arrive: async (count: number): Promise<void> => {
      while (arrived < count) await new Promise(setImmediate)
      for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await mill.stop()
      await close()
    },
  }
}

const say = (): Said => ({ text: 'here' })

for (const [name, host] of Object.entries(hosts)) {
  describe(`many who ask for the same at once, on ${name}`, () => {
    it('are 2,000, and the handler runs once', async () => {
      await using scene = await served(host, say)
      const asked = Array.from({ length: 2000 }, scene.ask)
      await scene.arrive(2000)
      scene.go()
      const answers = await Promise.all(asked)
      assert.deepEqual(new Set(answers.map(({ status, body }) => `${status} ${body}`)), new Set(['200 here']))
      assert.equal(scene.runs(), 1)
      const how = answers.map((answer) => answer.field('cache-status') ?? '')
      assert.equal(how.filter((text) => text.includes('; stored')).length, 1)
      assert.equal(how.filter((text) => text.includes('; collapsed')).length, 1999)
    })

    it('and of whom some leave do not miss them', async () => {
      await using scene = await served(host, say)
      // The first one is the one whose request the handler sees.
      const leaving: Socket[] = []
      for (let i = 0; i < 3; i++) {
        const socket = connect(scene.port, '127.0.0.1')
        leaving.push(socket)
        socket.write('GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n')
        await scene.arrive(i + 1)
      }
      const staying = Array.from({ length: 100 }, scene.ask)
      await scene.arrive(103)
      for (const socket of leaving.reverse()) socket.destroy()
      // Its place is taken by one of the others.
      while (scene.runs() < 2) await new Promise(setImmediate)
      scene.go()
      const answers = await Promise.all(staying)
      assert.deepEqual(new Set(answers.map(({ status, body }) => `${status} ${body}`)), new Set(['200 here']))
      assert.ok(scene.runs() <= 4, `${scene.runs()} runs`)
      assert.match((await scene.ask()).field('cache-status') ?? '', /; hit/)
    })

    for (const [what, failing] of [
      ['throws', () => ({ text: 'down', isThrown: true })],
      ['answers 503', () => ({ text: 'down', status: 503 })],
      ['answers 503 in a stream', () => ({ text: 'down', status: 503, isStream: true })],
    ] as const) {
      it(`get one error each when the handler ${what}, and it is asked no more`, async () => {
        await using scene = await served(host, failing)
        const asked = Array.from({ length: 200 }, scene.ask)
        await scene.arrive(200)
        scene.go()
        const answers = await Promise.all(asked)
        assert.ok(answers.every(({ status, body }) => status >= 500 && body === 'down'))
        assert.equal(scene.runs(), 1)
        await scene.ask()
        assert.equal(scene.runs(), 2)
      })
    }
  })
}

const url = process.env['REDIS_URL'] ?? ''

describe('many who ask several processes for the same', { skip: url === '' && 'no REDIS_URL' }, () => {
  const prefix = `stampede:${process.pid}:${process.hrtime.bigint()}:`
  const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

  const told = async (child: ChildProcess): Promise<number> => {
    const [message] = await once(child, 'message')
    return Number(message)
  }

  it('are 2,000, and the handler of one runs once', async () => {
    const crew = Array.from({ length: 3 }, () =>
      fork(worker, [url, prefix], { execArgv: ['--conditions=@millrace/source'] }),
    )
    try {
      const ports = await Promise.all(crew.map(told))
      const asked = Array.from({ length: 2000 }, (_, i) => send(ports[i % 3] ?? 0, page))
      const answers = await Promise.all(asked)
      assert.equal(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size, 1)
      assert.equal(answers[0]?.status, 200)
      const runs = crew.map(async (child) => {
        const answer = told(child)
        child.send('runs')
        return answer
      })
      assert.equal(
        (await Promise.all(runs)).reduce((sum, each) => sum + each, 0),
        1,
      )
    } finally {
      for (const child of crew) child.kill('SIGKILL')
    }
  })
})
