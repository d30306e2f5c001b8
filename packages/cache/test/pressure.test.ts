import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { VirtualClock } from '@millrace/testing'
import { containerGroup, type ReadText, systemMemory } from '../src/memory-reader.ts'
import { pressure, sharedPressure } from '../src/pressure.ts'

describe('the pressure watcher', () => {
  const scene = () => {
    const clock = new VirtualClock(0)
    const memory = { used: 0, limit: 6400, reads: 0 }
    const reader = {
      read: () => {
        memory.reads++
        return [{ used: memory.used, limit: memory.limit }]
      },
    }
    return { clock, memory, watch: pressure({ clock, reader }) }
  }

  it('reads as long as somebody listens, once for all of them', async () => {
    const { clock, memory, watch } = scene()
    await clock.advance(5000)
    assert.equal(memory.reads, 0)
    const asked: string[] = []
    const ends = ['a', 'b'].map((name) => watch.subscribe((excess) => asked.push(`${name} ${excess}`)))
    assert.equal(memory.reads, 1)
    await clock.advance(3000)
    assert.equal(memory.reads, 4)
    memory.used = 6400
    await clock.advance(1000)
    assert.deepEqual(asked, ['a 1920', 'b 1920'])
    assert.ok(watch.isOn)
    for (const end of ends) end()
    for (const end of ends) end()
    assert.equal(clock.pending, 0)
    assert.equal(watch.isOn, false)
  })

  it('reads also when much is written between two times', () => {
    const { memory, watch } = scene()
    watch.allocate(1e9)
    assert.equal(memory.reads, 0)
    let asked = 0
    const end = watch.subscribe(() => asked++)
    memory.used = 6400
    for (let i = 0; i < 10; i++) watch.allocate(9)
    assert.equal(asked, 0)
    for (let i = 0; i < 3; i++) watch.allocate(9)
    assert.equal(asked, 1)
    end()
  })

  it('is one for the process', () => {
    assert.equal(sharedPressure(), sharedPressure())
  })

  it('says what it expects', () => {
    assert.throws(
      () => pressure({ marks: { low: 0.9, high: 0.8 } }),
      /expected 0 < low < high <= 1, got low 0.9, high 0.8/,
    )
    assert.throws(() => pressure({ interval: 0 }), /expected milliseconds above 0, got 0/)
  })
})

describe('the limits of a container', () => {
  const files =
    (texts: Readonly<Record<string, string>>): ReadText =>
    (path) =>
      texts[path]
  const none = 2 ** 64

  it('are those of version 2, without the files that the system would give up', () => {
    const read = files({
      '/proc/self/cgroup': '0::/app\n',
      '/sys/fs/cgroup/app/memory.max': 'max\n',
      '/sys/fs/cgroup/memory.max': '1000\n',
      '/sys/fs/cgroup/memory.current': '700\n',
      '/sys/fs/cgroup/memory.stat': 'anon 1\ninactive_file 200\nactive_file 5\n',
    })
    assert.deepEqual(containerGroup(read, none)?.(), { used: 500, limit: 1000 })
  })

  it('are those of version 1, where the process is in a group of its own', () => {
    const read = files({
      '/proc/self/cgroup': '5:cpu:/x\n4:memory:/docker/1\n0::/\n',
      '/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes': '2000\n',
      '/sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes': '900\n',
      '/sys/fs/cgroup/memory/docker/1/memory.stat': 'inactive_file 1\ntotal_inactive_file 100\n',
    })
    assert.deepEqual(containerGroup(read, none)?.(), { used: 800, limit: 2000 })
  })

  it('are none where there are none', () => {
    const read = files({
      '/proc/self/cgroup': '4:memory:/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    })
    assert.equal(containerGroup(read, none), undefined)
    assert.equal(
      containerGroup(() => undefined, 0),
      undefined,
    )
  })

  it('are what Node says where the files say nothing', () => {
    assert.equal(containerGroup(() => undefined, 2 ** 30)?.()?.limit, 2 ** 30)
  })

  it('are unknown for as long as they cannot be read', () => {
    const texts: Record<string, string> = {
      '/proc/self/cgroup': '0::/\n',
      '/sys/fs/cgroup/memory.max': '1000\n',
    }
    assert.equal(containerGroup(files(texts), none)?.(), undefined)
  })

  it('are read of this very process', () => {
    const [heap] = systemMemory().read()
    assert.ok(heap !== undefined && heap.used > 0 && heap.used < heap.limit)
  })
})

describe('a tier that asks for more than the heap has', () => {
  const script = fileURLToPath(new URL('memory/overfill.ts', import.meta.url))
  const fill = (pressure: string) =>
    promisify(execFile)(process.execPath, [
      '--max-old-space-size=64',
      ...process.execArgv.filter((flag) => flag.startsWith('--conditions')),
      script,
      pressure,
    ])

  it('survives', async () => {
    const { stdout } = await fill('adaptive')
    const { reliefs, written, most } = JSON.parse(stdout)
    assert.ok(reliefs > 0 && written === 300_000 && most > 2 ** 20, stdout)
  })
})
