import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { buildDatabase, Cities } from '../src/index.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cities-'))
})
after(() => rm(folder, { recursive: true }))

test('a build that is interrupted leaves nothing behind', async () => {
  const interrupted = new AbortController()
  const file = join(folder, 'interrupted.sqlite')
  const built = buildDatabase({ file, signal: interrupted.signal, onProgress: () => interrupted.abort() })
  await assert.rejects(built, { name: 'AbortError' })
  assert.deepEqual(await readdir(folder), [])
})

test('two builds at once give one whole database, which the next run finds', async () => {
  const file = join(folder, 'cities.sqlite')
  const progress: number[] = []
  const onProgress = (done: number, total: number): void => void progress.push(done / total)
  assert.deepEqual(await Promise.all([buildDatabase({ file, onProgress }), buildDatabase({ file })]), [
    'built',
    'built',
  ])
  assert.equal(progress.at(-1), 1)
  assert.deepEqual(progress, progress.toSorted())
  assert.deepEqual(await readdir(folder), ['cities.sqlite'])
  assert.equal(await buildDatabase({ file }), 'found')

  const cities = new Cities(file)
  assert.equal(cities.find(2657896).name, 'Zürich')
  cities.close()
})
