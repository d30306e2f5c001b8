import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testing'
import { type DiskOptions, disk } from '../src/disk.ts'
import { decodeFrame } from '../src/frame.ts'
import { tierContract } from '../src/testing/index.ts'
import type { Tier, TierItem } from '../src/tier.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let folders = 0
const newPath = (): string => join(folder, String(folders++))

tierContract((clock) => disk({ path: newPath(), maxSize: '64mb', clock }))

const withDisk = async (
  options: Partial<DiskOptions>,
  run: (tier: Tier, path: string) => Promise<void>,
): Promise<void> => {
  const path = options.path ?? newPath()
  const tier = disk({ path, maxSize: '4mb', ...options })
  await tier.start?.()
  try {
    await run(tier, path)
  } finally {
    await tier.stop?.()
  }
}

const item = (key: string, bytes: number, rest: Partial<TierItem> = {}): TierItem => ({
  key,
  frame: new Uint8Array(bytes).fill(7),
  at: 1,
  expiresAt: Number.POSITIVE_INFINITY,
  ...rest,
})

const listed = async (tier: Tier, prefix = ''): Promise<string[]> => {
  const keys: string[] = []
  for await (const key of tier.keys(prefix)) keys.push(key)
  return keys
}

const writer = (path: string, name: string, rounds?: number): ChildProcess =>
  fork(
    join(import.meta.dirname, 'disk-writer.ts'),
    [path, name, ...(rounds === undefined ? [] : [String(rounds)])],
    {
      execArgv: ['--conditions=@millrace/source'],
    },
  )

/** Every value that is there is the one that was written for its key. @returns how many */
const judge = async (tier: Tier): Promise<number> => {
  const keys = await listed(tier)
  const frames = await tier.getMany(keys)
  let whole = 0
  for (const [index, frame] of frames.entries()) {
    if (!frame) continue
    const value = decodeFrame(frame)?.value
    assert.ok(
      value !== null && typeof value === 'object' && 'key' in value && 'text' in value,
      'a whole frame',
    )
    assert.equal(value.key, keys[index])
    assert.equal(String(value.text).replaceAll(String(value.key), ''), '')
    whole++
  }
  return whole
}

describe('disk', () => {
  it('has after a restart what it had before', () =>
    withDisk({}, async (tier, path) => {
      await tier.setMany([item('a', 10), item('b', 10)])
      await tier.deleteMany(['b'], 2)
      await tier.stop?.()
      await withDisk({ path }, async (again) => {
        await again.setMany([item('b', 10)])
        assert.deepEqual(await again.getMany(['a', 'b']), [Buffer.alloc(10, 7), undefined])
      })
    }))

  it('opens after each of 50 kills in the middle of writing, and serves no corrupt value', async () => {
    const path = newPath()
    // Two at a time: what one leaves half done, the other meets while it runs.
    for (let kill = 0; kill < 25; kill++) {
      const pair = [writer(path, 'left'), writer(path, 'right')] as const
      await Promise.all(
        pair.map(async (child) => assert.deepEqual((await once(child, 'message'))[0], 'wrote')),
      )
      // Some are killed at once, some in the midst of later rounds.
      for (let round = 0; round < (kill * 7) % 12; round++) await once(pair[0], 'message')
      for (const child of pair) {
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        assert.deepEqual(await gone, [null, 'SIGKILL'])
      }
      await withDisk({ path }, async (tier) => {
        assert.ok((await judge(tier)) > 0)
        await tier.setMany([item('mine', 10, { at: kill, expiresAt: Number.MAX_VALUE })])
        assert.deepEqual(await tier.getMany(['mine']), [Buffer.alloc(10, 7)])
        await tier.deleteMany(['mine'], kill)
      })
    }
    assert.ok(statSync(join(path, 'cache.mdb')).size <= 4 * 2 ** 20)
  })

  it('is shared: what one process writes, another one reads', async () => {
    const path = newPath()
    await withDisk({ path }, async (tier) => {
      const children = [writer(path, 'left', 40), writer(path, 'right', 40)]
      for (const child of children)
        child.on('message', (message) => assert.ok(typeof message === 'string', JSON.stringify(message)))
      const ended = Promise.all(children.map((child) => once(child, 'exit')))
      let over = false
      void ended.then(() => {
        over = true
      })
      while (!over) {
        await judge(tier)
        await tier.setMany([item('mine', 10)])
        await tier.deleteMany(['mine'], 1)
      }
      assert.deepEqual(await ended, [
        [0, null],
        [0, null],
      ])
      assert.ok((await judge(tier)) > 50)
      const names = new Set((await listed(tier)).map((key) => key.split('-')[0]))
      assert.deepEqual([...names].sort(), ['left', 'right'])
    })
  })

  for (const [name, sizeOf] of Object.entries({
    'small values': () => 600,
    'values of a page': () => 4000,
    'values of all sizes': (turn: number) => ((turn * 2_654_435_761) % 60_000) + 1,
  })) {
    it(`never takes more than its bound, filled five times over with ${name}`, () =>
      withDisk({ timeout: 20_000 }, async (tier, path) => {
        const bound = 4 * 2 ** 20
        let bytes = 0
        for (let turn = 0; bytes < 5 * bound; ) {
          const items = Array.from({ length: 64 }, () => item(`k${turn}`, sizeOf(turn), { at: turn++ }))
          await tier.setMany(items)
          bytes += items.reduce((sum, { frame }) => sum + frame.byteLength + 30, 0)
          assert.ok(statSync(join(path, 'cache.mdb')).size <= bound)
        }
        const left = await listed(tier)
        const held = (await tier.getMany(left)).reduce((sum, frame) => sum + (frame?.byteLength ?? 0), 0)
        assert.ok(held > bound * 0.15, `${held} bytes are of use`)
        // Overwriting and reading go on as before.
        await tier.setMany([item('k-last', 1000, { at: 1e9 })])
        assert.equal((await tier.getMany(['k-last']))[0]?.byteLength, 1000)
      }))
  }

  it('makes room with what expires first, then with what is oldest', () =>
    withDisk({ maxSize: '1mb', timeout: 20_000 }, async (tier) => {
      const far = Date.now() + 1e9
      const soon = Array.from({ length: 20 }, (_, at) => item(`soon-${at}`, 8000, { at, expiresAt: far }))
      const later = Array.from({ length: 20 }, (_, at) =>
        item(`later-${at}`, 8000, { at, expiresAt: far + 1 }),
      )
      const never = Array.from({ length: 60 }, (_, at) => item(`never-${at}`, 8000, { at }))
      for (const items of [later, soon, never]) await tier.setMany(items)
      const order = [...soon, ...later, ...never].map(({ key }) => key)
      const left = await listed(tier)
      assert.ok(left.length > 20 && left.length < 80, `${left.length} are left`)
      assert.deepEqual(new Set(left), new Set(order.slice(-left.length)))
    }))

  it('does not keep a value that would take all, nor the older one in its place', () =>
    withDisk({ maxSize: '1mb' }, async (tier) => {
      await tier.setMany([item('a', 10)])
      await tier.setMany([item('a', 500_000, { at: 2 }), item('b', 10)])
      assert.deepEqual(
        (await tier.getMany(['a', 'b'])).map((frame) => frame?.byteLength),
        [undefined, 10],
      )
    }))

  it('sweeps what has expired', async () => {
    const clock = new VirtualClock()
    await withDisk({ clock, maxSize: '64mb', sweepEvery: 1000 }, async (tier) => {
      const expiresAt = clock.now() + 500
      const items = Array.from({ length: 2000 }, (_, n) => item(`k${n}`, 10, { expiresAt }))
      await tier.setMany([...items, item('never', 10)])
      await tier.deleteMany(['gone'], 1)
      const entries = (): unknown => Reflect.get(Object(tier.inspect?.()), 'entries')
      assert.equal(entries(), 2002)
      await clock.advance(61_000)
      // A write waits for the sweeps before it.
      for (let turn = 0; turn < 20 && entries() !== 1; turn++) await tier.deleteMany(['never'], 0)
      assert.equal(entries(), 1)
      assert.deepEqual(await listed(tier), ['never'])
    })
    assert.equal(clock.pending, 0)
  })

  const fails = async (path: string, message: RegExp): Promise<void> => {
    const tier = disk({ path })
    const expected = { name: 'DiskError', code: 'ERR_MILLRACE_CACHE_DISK', message }
    await assert.rejects(async () => tier.start?.(), expected)
    await assert.rejects(tier.getMany(['a']), expected)
    await assert.rejects(tier.setMany([item('a', 1)]), expected)
    await assert.rejects(tier.deleteMany(['a'], 1), expected)
    await assert.rejects(listed(tier), expected)
    assert.equal((await tier.health?.())?.status, 'degraded')
    await tier.stop?.()
  }

  it('that cannot be opened rejects, and says why', async () => {
    const file = newPath()
    writeFileSync(file, 'a file')
    await fails(file, /disk\(".*"\) cannot be opened: EEXIST/)
    await fails(join(file, 'below'), /cannot be opened: ENOTDIR/)
    const other = newPath()
    mkdirSync(other)
    writeFileSync(join(other, 'cache.mdb'), 'no database at all, but some text'.repeat(1000))
    await fails(other, /cannot be opened: .* is not a database/)
  })

  it('that may not be written rejects', {
    skip: process.getuid?.() === 0 && 'root may write anywhere',
  }, async () => {
    const path = newPath()
    mkdirSync(path)
    chmodSync(path, 0o500)
    await fails(path, /cannot be opened: .*[Pp]ermission denied/)
  })

  it('that is full rejects what it cannot write, and serves what it has', {
    skip: process.platform === 'win32',
  }, async () => {
    const path = newPath()
    // Files of some hundred kilobytes at most, as a full disk has them.
    const script = `ulimit -f 300; exec "$0" --conditions=@millrace/source "$1" "$2" left 60`
    const child = spawn(
      'sh',
      ['-c', script, process.execPath, join(import.meta.dirname, 'disk-writer.ts'), path],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      },
    )
    const messages: unknown[] = []
    child.on('message', (message) => messages.push(message))
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.match(JSON.stringify(messages), /DiskError: disk\(.*cannot be written/)
    assert.equal(messages.at(-1), 'ended')
    await withDisk({ path }, async (tier) => {
      assert.ok((await judge(tier)) > 0)
      await tier.setMany([item('left-now', 10)])
      assert.deepEqual(await tier.getMany(['left-now']), [Buffer.alloc(10, 7)])
    })
  })

  it('heals when the path is there again', async () => {
    const clock = new VirtualClock()
    const path = newPath()
    writeFileSync(path, 'a file')
    const tier = disk({ path, clock })
    await assert.rejects(tier.getMany(['a']))
    rmSync(path)
    await assert.rejects(tier.getMany(['a']), 'it is not tried again at once')
    await clock.advance(5000)
    assert.deepEqual(await tier.getMany(['a']), [undefined])
    await tier.stop?.()
  })

  it('is no disk without a size', () => {
    for (const maxSize of ['5 lightyears', 0, '10kb', Number.POSITIVE_INFINITY]) {
      assert.throws(() => disk({ path: folder, maxSize }), /expected a size of at least "1mb"/)
    }
  })
})
