import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const workers = 3

interface Answer {
  readonly status: number
  readonly worker: string
  readonly body: string
}

/** The processes of a machine, behind one port. */
class Machine {
  readonly #child: ChildProcess
  readonly #origin: string

  private constructor(child: ChildProcess, origin: string) {
    this.#child = child
    this.#origin = origin
  }

  static async start(folder: string, redisUrl?: string): Promise<Machine> {
    const { REDIS_URL, ...rest } = process.env
    const env = { ...rest, PORT: '0', WORKERS: String(workers), ...(redisUrl && { REDIS_URL: redisUrl }) }
    const args = ['--conditions=@millrace/source', main, folder]
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    for await (const chunk of child.stdout) {
      said += chunk
      const origin = /http:\S+/.exec(said)?.[0]
      if (origin !== undefined) return new Machine(child, origin)
    }
    throw new Error(`it did not start: ${said}`)
  }

  /** On a connection of its own, so that the processes take turns. */
  async ask(path: string, method = 'GET', body?: string): Promise<Answer> {
    const headers = body === undefined ? {} : { 'Content-Type': 'text/plain' }
    const sent = request(`${this.#origin}${path}`, { method, agent: false, headers })
    sent.end(body)
    const [answer] = await once(sent, 'response')
    return { status: answer.statusCode, worker: answer.headers['x-worker'], body: await text(answer) }
  }

  /** What each process answers. */
  async askAll(path: string): Promise<ReadonlyMap<string, string>> {
    const answers = new Map<string, string>()
    while (answers.size < workers) {
      const { worker, body } = await this.ask(path)
      answers.set(worker, body)
    }
    return answers
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exited
  }
}

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-one-machine-'))
  folders.push(folder)
  return folder
}
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Until all processes answer with this, and what one of them has loaded. */
const allAgree = async (machine: Machine, path: string, wanted: string): Promise<string> => {
  for (;;) {
    const [one = '', ...others] = new Set((await machine.askAll(path)).values())
    if (one.includes(wanted) && others.length === 0) return one
  }
}

describe('processes that share a disk tier', () => {
  test("load once, see each other's writes, and find everything again after a restart", async () => {
    const folder = newFolder()
    const first = await Machine.start(folder)
    assert.equal((await first.ask('/notes/a', 'PUT', 'one')).status, 204)
    await allAgree(first, '/notes/a', 'one')
    await first.ask('/notes/a', 'PUT', 'two')
    const loaded = await allAgree(first, '/notes/a', 'two')
    await first.stop()

    const second = await Machine.start(folder)
    assert.deepEqual(new Set((await second.askAll('/notes/a')).values()), new Set([loaded]))
    assert.equal((await second.ask('/notes/none')).status, 404)
    await second.stop()
  })
})

const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0
if (!hasRedis && process.env.CI) throw new Error('This test needs redis-server on the PATH.')

describe('with a Redis between them', { skip: !hasRedis && 'no redis-server on the PATH' }, () => {
  test('one loads for all who ask at once, and writes are heard of, not waited for', async () => {
    const folder = newFolder()
    const socket = join(folder, 'redis.sock')
    const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no']
    const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const chunk of server.stdout) if (String(chunk).includes('eady to accept connections')) break
    const machine = await Machine.start(folder, socket)
    try {
      for (const words of ['one', 'two']) {
        await machine.ask('/notes/a', 'PUT', words)
        // Memory keeps a note for ten minutes: only who has heard of the write looks again.
        await allAgree(machine, '/notes/a', words)
      }
      // Where the machine is so busy that the lock has no answer in time, a process loads by itself.
      for (let attempt = 0, loads = 0; loads !== 1; attempt++) {
        assert.ok(attempt < 20)
        await machine.ask(`/notes/${attempt}`, 'PUT', 'cold')
        const answers = await Promise.all(Array.from({ length: 60 }, () => machine.ask(`/notes/${attempt}`)))
        assert.equal(new Set(answers.map(({ worker }) => worker)).size, workers)
        loads = new Set(answers.map(({ body }) => body)).size
      }
    } finally {
      await machine.stop()
      server.kill()
    }
  })
})
