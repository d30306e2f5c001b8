import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock } from '@millrace/core'
import type { Tier, TierItem } from '../tier.ts'
import { HandClock } from './hand-clock.ts'

export interface TierContractOptions {
  /**
   * Lets `ms` milliseconds pass where a tier's time is not the clock's: on a server. Default: the clock is moved.
   */
  pass?(ms: number, clock: HandClock): Promise<void>
}

/**
 * The behaviour that every tier has in common: run it from the tier's own tests. `make` is called for each test and may
 * give tiers that share what they hold; each test has keys of its own.
 */
export const tierContract = (
  make: (clock: Clock) => Tier | Promise<Tier>,
  { pass = async (ms, clock) => clock.move(ms) }: TierContractOptions = {},
): void => {
  let tests = 0

  /** A started tier for one test, and a prefix that no other test has. */
  const withTier = async (
    run: (tier: Tier, own: string, clock: HandClock) => Promise<void>,
  ): Promise<void> => {
    const clock = new HandClock()
    const tier = await make(clock)
    await tier.start?.()
    try {
      await run(tier, `contract-${++tests}:`, clock)
    } finally {
      await tier.stop?.()
    }
  }

  describe('tier contract', () => {
    test('answers in the order of the keys, with undefined for what it has not', () =>
      withTier(async (tier, own, clock) => {
        await tier.setMany([item(own, 'a', clock), item(own, 'b', clock), item(own, 'c', clock)])
        assert.deepEqual(await texts(tier, own, ['c', 'x', 'a', 'y', 'b', 'c']), [
          'c',
          undefined,
          'a',
          undefined,
          'b',
          'c',
        ])
        assert.deepEqual(await tier.getMany([]), [])
        await tier.setMany([])
        await tier.deleteMany([], clock.now())
      }))

    test('of an item that comes twice at once, the later time holds', () =>
      withTier(async (tier, own, clock) => {
        const at = clock.now()
        await tier.setMany([
          item(own, 'a', clock, { at: at + 2, text: 'later' }),
          item(own, 'a', clock, { at, text: 'older' }),
        ])
        assert.deepEqual(await texts(tier, own, ['a']), ['later'])
      }))

    test('an older item never replaces a newer one; one of equal time does', () =>
      withTier(async (tier, own, clock) => {
        const at = clock.now()
        const set = (text: string, at: number): Promise<void> =>
          tier.setMany([item(own, 'a', clock, { at, text })])
        await set('first', at)
        await set('older', at - 1)
        assert.deepEqual(await texts(tier, own, ['a']), ['first'])
        await set('equal', at)
        assert.deepEqual(await texts(tier, own, ['a']), ['equal'])
        await set('newer', at + 1)
        assert.deepEqual(await texts(tier, own, ['a']), ['newer'])
      }))

    test('what has expired is gone', () =>
      withTier(async (tier, own, clock) => {
        const now = clock.now()
        await tier.setMany([
          item(own, 'soon', clock, { expiresAt: now + 200 }),
          item(own, 'later', clock, { expiresAt: now + 86_400_000 }),
          item(own, 'far', clock, { expiresAt: now + 40 * 86_400_000 }),
          item(own, 'never', clock),
          item(own, 'before', clock, { expiresAt: now - 1 }),
        ])
        const names = ['soon', 'later', 'far', 'never', 'before']
        assert.deepEqual(await texts(tier, own, names), ['soon', 'later', 'far', 'never', undefined])
        await pass(250, clock)
        assert.deepEqual(await texts(tier, own, names), [undefined, 'later', 'far', 'never', undefined])
        assert.deepEqual(await listed(tier, own), ['far', 'later', 'never'])
      }))

    test('an item that has expired already takes the place of an older one', () =>
      withTier(async (tier, own, clock) => {
        await tier.setMany([item(own, 'a', clock)])
        await tier.setMany([item(own, 'a', clock, { at: clock.now() + 1, expiresAt: clock.now() - 1 })])
        assert.deepEqual(await texts(tier, own, ['a']), [undefined])
      }))

    test('a deletion holds off older items, lets later ones in, and leaves later ones alone', () =>
      withTier(async (tier, own, clock) => {
        const at = clock.now()
        await tier.setMany([item(own, 'a', clock), item(own, 'b', clock, { at: at + 10 })])
        await tier.deleteMany([`${own}a`, `${own}b`, `${own}never-there`], at + 5)
        assert.deepEqual(await texts(tier, own, ['a', 'b']), [undefined, 'b'])
        assert.deepEqual(await listed(tier, own), ['b'])
        await tier.setMany([
          item(own, 'a', clock, { at: at + 4 }),
          item(own, 'never-there', clock, { at: at + 4 }),
        ])
        assert.deepEqual(await texts(tier, own, ['a', 'never-there']), [undefined, undefined])
        // A deletion that is heard of late does not let in what a later one holds off.
        await tier.deleteMany([`${own}a`], at + 1)
        await tier.setMany([item(own, 'a', clock, { at: at + 3 })])
        assert.deepEqual(await texts(tier, own, ['a']), [undefined])
        await tier.setMany([item(own, 'a', clock, { at: at + 5 })])
        assert.deepEqual(await texts(tier, own, ['a']), ['a'])
      }))

    test('frames come back byte by byte, whatever is in them', () =>
      withTier(async (tier, own, clock) => {
        const frames = [0, 1, 2, 255, 256, 2000, 4096, 16_384, 100_000, 300_000].map((length) =>
          Uint8Array.from({ length }, (_, at) => (at * 131 + length) & 255),
        )
        frames.push(new TextEncoder().encode('é\r\n\0$-1\r\n'), Buffer.from([0xff, 0xfe, 0x00]).subarray(1))
        await tier.setMany(frames.map((frame, index) => item(own, String(index), clock, { frame })))
        const back = await tier.getMany(frames.map((_, index) => own + index))
        for (const [index, frame] of frames.entries()) {
          const got = back[index]
          assert.ok(got instanceof Uint8Array, `${frame.byteLength} bytes`)
          assert.ok(Buffer.compare(got, frame) === 0, `${frame.byteLength} bytes`)
        }
      }))

    test('frames are its own: what is done to those that went in or came out changes nothing', () =>
      withTier(async (tier, own, clock) => {
        const given = item(own, 'a', clock)
        await tier.setMany([given])
        given.frame.fill(0)
        const [first] = await tier.getMany([`${own}a`])
        first?.fill(0)
        assert.deepEqual(await texts(tier, own, ['a']), ['a'])
      }))

    test('keys are what they are: any letters, any signs, long ones', () =>
      withTier(async (tier, own, clock) => {
        const names = odd()
        await tier.setMany(names.map((name) => item(own, name, clock)))
        assert.deepEqual(await texts(tier, own, names), names)
        assert.deepEqual(await listed(tier, own), [...names].sort())
        await tier.deleteMany([own + (names[0] ?? '')], clock.now())
        assert.deepEqual(await texts(tier, own, names), [undefined, ...names.slice(1)])
      }))

    test('a prefix is taken literally', () =>
      withTier(async (tier, own, clock) => {
        const names = ['a*b', 'a*', 'axb', 'a%', 'a%c', 'a?', 'a[x]', 'a:1', 'a_1', 'a\\', 'é1', 'é']
        await tier.setMany(names.map((name) => item(own, name, clock)))
        for (const prefix of ['a*', 'a%', 'a?', 'a[x]', 'a:', 'a_', 'a\\', 'é', 'a', '', 'none', 'é1x']) {
          const wanted = names.filter((name) => name.startsWith(prefix)).sort()
          assert.deepEqual(await listed(tier, own, prefix), wanted, prefix)
        }
      }))

    test('keys can be walked while they change, and left in between', () =>
      withTier(async (tier, own, clock) => {
        const names = Array.from({ length: 700 }, (_, index) => `k${index}`)
        await tier.setMany(names.map((name) => item(own, name, clock)))
        const seen = new Map<string, number>()
        for await (const key of tier.keys(own)) {
          seen.set(key, (seen.get(key) ?? 0) + 1)
          if (seen.size % 50 !== 1) continue
          await tier.deleteMany([key], clock.now())
          await tier.setMany([item(own, `a-new-${seen.size}`, clock), item(own, `z-new-${seen.size}`, clock)])
        }
        for (const name of names) assert.ok(seen.has(own + name), `${name} was there all the time`)
        for await (const key of tier.keys(own)) {
          assert.ok(key.startsWith(own))
          break
        }
      }))

    test('a thousand keys at once', () =>
      withTier(async (tier, own, clock) => {
        const names = Array.from({ length: 1000 }, (_, index) => `k${index}`)
        await tier.setMany(names.map((name) => item(own, name, clock)))
        assert.deepEqual(await texts(tier, own, names), names)
        await tier.deleteMany(
          names.slice(0, 500).map((name) => own + name),
          clock.now(),
        )
        assert.deepEqual(await texts(tier, own, names), [
          ...names.slice(0, 500).map(() => undefined),
          ...names.slice(500),
        ])
      }))

    test('of many calls at once each is done, and the latest time holds', () =>
      withTier(async (tier, own, clock) => {
        const at = clock.now()
        // An order that is not that of the times, the same in each run.
        const turns = Array.from({ length: 60 }, (_, index) => (index * 37) % 60)
        await Promise.all(
          turns.flatMap((turn) => [
            tier.setMany([
              item(own, 'a', clock, { at: at + turn, text: String(turn) }),
              item(own, `k${turn}`, clock),
            ]),
            tier.getMany([`${own}a`, `${own}k${turn}`]),
            tier.deleteMany([`${own}gone`], at + turn),
            tier.setMany([item(own, 'gone', clock, { at: at + turn - 1 })]),
          ]),
        )
        assert.deepEqual(await texts(tier, own, ['a']), ['59'])
        assert.deepEqual(
          await texts(
            tier,
            own,
            turns.map((turn) => `k${turn}`),
          ),
          turns.map((turn) => `k${turn}`),
        )
        assert.deepEqual(await texts(tier, own, ['gone']), [undefined])
      }))

    test('after a stop and a start it has what it had, or nothing', () =>
      withTier(async (tier, own, clock) => {
        const names = Array.from({ length: 50 }, (_, index) => `k${index}`)
        await tier.setMany(names.map((name) => item(own, name, clock)))
        await tier.stop?.()
        await tier.start?.()
        for (const [index, text] of (await texts(tier, own, names)).entries()) {
          assert.ok(text === undefined || text === names[index])
        }
        await tier.setMany([item(own, 'again', clock)])
        assert.deepEqual(await texts(tier, own, ['again']), ['again'])
      }))
  })
}

const item = (
  own: string,
  name: string,
  clock: Clock,
  { text = name, ...rest }: Partial<TierItem> & { readonly text?: string } = {},
): TierItem => ({
  key: own + name,
  frame: new TextEncoder().encode(text),
  at: clock.now(),
  expiresAt: Number.POSITIVE_INFINITY,
  ...rest,
})

const texts = async (tier: Tier, own: string, names: readonly string[]): Promise<(string | undefined)[]> => {
  const frames = await tier.getMany(names.map((name) => own + name))
  return frames.map((frame) => frame && new TextDecoder().decode(frame))
}

const listed = async (tier: Tier, own: string, prefix = ''): Promise<string[]> => {
  const names = new Set<string>()
  for await (const key of tier.keys(own + prefix)) names.add(key.slice(own.length))
  return [...names].sort()
}

const odd = (): readonly string[] => [
  'plain',
  'with space',
  'Straße/東京/🏛️',
  '%00%',
  '%',
  '*',
  '**',
  '?',
  '[a-z]',
  ':',
  '::a:',
  '{slot}a',
  '}{',
  '\\',
  '"quoted\'',
  '__proto__',
  'constructor',
  '',
  'e\u0301',
  '\u00e9',
  'l'.repeat(1000),
  `${'l'.repeat(999)}m`,
  '東'.repeat(330),
  `${'東'.repeat(329)}京`,
]
