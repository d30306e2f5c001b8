import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { it } from 'node:test'

const root = join(import.meta.dirname, '../..')

/** What has to compile does, and what carries a `@ts-expect-error` does not. */
it('the types hold', { timeout: 120_000 }, async () => {
  const tsc = join(root, 'node_modules/.bin/tsc')
  const said = await new Promise<string>((resolve) => {
    execFile(tsc, ['--noEmit', '-p', import.meta.dirname], { cwd: root }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    )
  })
  assert.equal(said, '')
})
