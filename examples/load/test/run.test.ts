import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const started: ChildProcess[] = []
after(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** Starts `examples/run.ts` as `npm start` does. */
function run(args: readonly string[], port: string) {
  const script = fileURLToPath(new URL('../../run.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@millrace/source', script, ...args], {
    env: { ...process.env, PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  return child
}

/** A line of the table. */
const ROW = /^ *(\S.*?) +([\d,]+) +[\d.]+ ms +[\d.]+ ms +([\d,]+)(?: +x [\d.]+)?$/gm

const number = (digits: string | undefined): number => Number(digits?.replaceAll(',', ''))

describe('npm start', () => {
  test('--once prints the table and ends', async () => {
    const child = run(['--once', '--requests', '300'], '0')
    const [output, progress, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    assert.equal(code, 0, progress)
    const rows = [...output.matchAll(ROW)].map(([, title, , calls]) => ({
      title: title?.trim(),
      calls: number(calls),
    }))
    assert.deepEqual(
      rows.map(({ title }) => title),
      ['Express 5', 'with Millrace', 'the same again', 'Koa 3', 'with Millrace', 'the same again'],
    )
    // Without Millrace a handler runs for each request; with it for the first of its kind, on both frameworks alike.
    const calls = rows.map((each) => each.calls)
    const kinds = calls[1]
    assert.ok(kinds !== undefined && kinds > 0 && kinds < 300, output)
    assert.deepEqual(calls, [300, kinds, 0, 300, kinds, 0])
    assert.match(output, /^Every answer with Millrace was the same as without/m)
    assert.match(progress, /^Express 5: 25 %$/m)
  })

  test('goes on serving, on another port if the one asked for is taken, until Ctrl-C', {
    skip: process.platform === 'win32' && 'a process cannot be sent Ctrl-C there',
  }, async () => {
    const other = createServer((_req, res) => res.end('taken')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const taken = typeof address === 'object' ? address?.port : undefined

    const child = run(['--requests', '50'], String(taken))
    const exited = once(child, 'exit')
    child.stderr.resume()
    let output = ''
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      output += chunk
      if (output.includes('/visits"\n')) break
    }
    const origins = [...output.matchAll(/^ {2}(?:Express 5|Koa 3).* (http:\S+)$/gm)].map(
      ([, origin]) => origin,
    )
    assert.equal(origins.length, 4, output)
    assert.ok(!origins.includes(`http://127.0.0.1:${taken}`))
    for (const origin of origins) {
      const response = await fetch(`${origin}/cities?limit=1`)
      assert.match(await response.text(), /Shanghai/)
    }
    child.kill('SIGINT')
    assert.deepEqual(await exited, [0, null])
    for (const origin of origins) await assert.rejects(fetch(`${origin}/cities?limit=1`))
    other.close()
  })

  test('says what is wrong with its arguments', async () => {
    const child = run(['--requests', 'many'], '0')
    const [error, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    assert.equal(code, 2)
    assert.equal(error, '--requests: expected a whole number from 1 to 1000000, got "many"\n')
  })
})
