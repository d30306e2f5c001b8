import assert from 'node:assert/strict'
import { it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Line, MapTier, scene } from './fakes.ts'

const key = fc.constantFrom('a', 'b', 'c')
const tag = fc.constantFrom('s', 't')
const process = fc.constantFrom(0, 1)

const step = fc.oneof(
  fc.record({ does: fc.constant('set' as const), process, key, tags: fc.uniqueArray(tag) }),
  fc.record({ does: fc.constant('read' as const), process, key }),
  fc.record({ does: fc.constant('load' as const), process, key }),
  fc.record({ does: fc.constant('delete' as const), process, key }),
  fc.record({ does: fc.constant('expire' as const), process, key }),
  fc.record({ does: fc.constant('deleteTag' as const), process, tag }),
  fc.record({ does: fc.constant('expireTag' as const), process, tag }),
  fc.record({ does: fc.constant('clear' as const), process, soft: fc.boolean() }),
  fc.record({ does: fc.constant('wait' as const), ms: fc.nat(80_000) }),
  fc.record({ does: fc.constant('forget' as const), process }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What one process has invalidated softly, it finds in the tier, and keeps it as a fallback for a load that fails. */
const expiredElsewhere: Step[] = [
  { does: 'load', process: 1, key: 'b' },
  { does: 'clear', process: 0, soft: true },
  { does: 'load', process: 0, key: 'b' },
  { does: 'read', process: 0, key: 'b' },
]

/** What the simplest of all caches would hold. */
interface Held {
  readonly value: number
  readonly tags: readonly string[]
  freshUntil: number
  readonly staleUntil: number
}

const [ttl, grace] = [60_000, 120_000]

for (const tiers of [0, 1, 2]) {
  it(`two processes with ${tiers} tiers do as one simple cache would`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = new VirtualClock()
        const line = new Line()
        const fars = Array.from({ length: tiers }, (_, index) => new MapTier(`far ${index}`))
        const one = { ttl: '60s', staleIfError: '120s', errorThrottle: 0, tiers: fars }
        const scenes = (tiers === 0 ? [0] : [0, 1]).map(() => scene({ ...one, backplane: line.end() }, clock))
        for (const { cache } of scenes) await cache.start()
        const model = new Map<string, Held>()
        let last = 0
        const usable = (name: string): Held | undefined => {
          const held = model.get(name)
          return held && clock.now() < held.staleUntil ? held : undefined
        }
        const fresh = (name: string): number | undefined => {
          const held = usable(name)
          return held && clock.now() < held.freshUntil ? held.value : undefined
        }
        const keep = (name: string, value: number, tags: readonly string[]): void => {
          const freshUntil = clock.now() + ttl
          model.set(name, { value, tags, freshUntil, staleUntil: freshUntil + grace })
        }
        for (const action of steps) {
          if (action.does === 'wait') {
            await clock.advance(action.ms)
            continue
          }
          const { cache, near } = scenes[action.process % scenes.length] ?? assert.fail()
          switch (action.does) {
            case 'set':
              keep(action.key, ++last, action.tags)
              await cache.set(action.key, last, { tags: action.tags })
              break
            case 'read':
              assert.equal(await cache.get(action.key), fresh(action.key))
              assert.equal(await cache.has(action.key), fresh(action.key) !== undefined)
              break
            case 'load': {
              const expected = fresh(action.key)
              const works = last % 2 === 0
              const factory = (): number => {
                if (works) return ++last
                throw new Error('down')
              }
              const brought = cache.getOrSet(action.key, factory)
              if (expected !== undefined) assert.equal(await brought, expected)
              else if (works) {
                assert.equal(await brought, last)
                keep(action.key, last, [])
              } else {
                const fallback = usable(action.key)?.value
                if (fallback === undefined) await assert.rejects(brought, /down/)
                else assert.equal(await brought, fallback)
                last++
              }
              await settled()
              break
            }
            case 'delete':
              model.delete(action.key)
              await cache.delete(action.key)
              break
            case 'expire': {
              const held = model.get(action.key)
              if (held) held.freshUntil = 0
              await cache.expire(action.key)
              break
            }
            case 'deleteTag':
              for (const [name, { tags }] of model) if (tags.includes(action.tag)) model.delete(name)
              await cache.deleteTag(action.tag)
              break
            case 'expireTag':
              for (const held of model.values()) if (held.tags.includes(action.tag)) held.freshUntil = 0
              await cache.expireTag(action.tag)
              break
            case 'clear':
              if (action.soft) for (const held of model.values()) held.freshUntil = 0
              else model.clear()
              await cache.clear(action)
              break
            case 'forget':
              // Memory may forget at any time, where there is a tier behind it.
              if (tiers > 0) near.clear()
          }
        }
        assert.deepEqual(
          await scenes[0]?.cache.getMany(['a', 'b', 'c']),
          ['a', 'b', 'c'].map((name) => fresh(name)),
        )
      }),
      { numRuns: 150, examples: [[expiredElsewhere]] },
    )
  })
}
