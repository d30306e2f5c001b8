import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const script = `
  import { batcher } from '@millrace/batch'
  const load = batcher(async (keys) => keys.map((key) => key * 2), { window: '20ms' })
  console.log(await load(21))
`

test('a script that waits for nothing but a window gets its answer', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...process.execArgv.filter((arg) => arg.startsWith('--conditions')),
      '--input-type=module',
      '-e',
      script,
    ],
    { cwd: import.meta.dirname },
  )
  assert.equal(stdout, '42\n')
})
