import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const script = fileURLToPath(new URL('memory/growth.ts', import.meta.url))
const bound = 64 * 2 ** 20

const grow = async (kind: string, ...more: readonly string[]) => {
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const args = ['--expose-gc', ...conditions, script, '--kind', kind, '--keys', '500000', ...more]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const shown: Readonly<Record<'counted' | 'kept' | 'rss' | 'held' | 'entries', number>> = JSON.parse(stdout)
  return { ...shown, stdout }
}

describe('half a million keys through 64 MB of memory', () => {
  for (const kind of ['object', 'body']) {
    it(`keep no more than the bound in the end: ${kind}`, async () => {
      const { counted, kept, entries, stdout } = await grow(kind)
      assert.ok(counted <= bound && counted > bound * 0.98, stdout)
      assert.ok(kept <= bound && kept > bound / 2 && entries > 0, stdout)
    })

    it(`let the process grow by no more than 1.3 times the bound where V8 is thrifty: ${kind}`, async () => {
      const { rss, held, stdout } = await grow(kind, '--thrifty')
      assert.ok(rss <= 1.3 * bound && held <= 1.3 * bound, stdout)
    })
  }
})
