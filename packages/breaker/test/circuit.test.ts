import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Circuit } from '../src/circuit.ts'
import type { CircuitPolicy, State, Verdict } from '../src/policy.ts'
import { CircuitModel } from './circuit-model.ts'

const runs = Number(process.env['MILLRACE_RUNS'] ?? 1)

const share = fc.constantFrom(0, 0.1, 0.25, 0.5, 1)
const policies: fc.Arbitrary<CircuitPolicy> = fc.record({
  trip: fc.record({
    ratio: fc.option(share, { nil: undefined }),
    minimum: fc.nat(4),
    window: fc.oneof(
      fc.constantFrom(10, 100, Number.POSITIVE_INFINITY),
      fc.record({ calls: fc.integer({ min: 1, max: 6 }) }),
    ),
    slow: fc.option(fc.constantFrom(0, 50), { nil: undefined }),
    slowRatio: share,
    consecutive: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  }),
  reset: fc.record({
    after: fc.constantFrom(0, 20, 100),
    max: fc.constantFrom(100, 300),
    factor: fc.constantFrom(1, 2),
    jitter: fc.constantFrom(0, 0.2),
  }),
  probes: fc.record({ count: fc.integer({ min: 1, max: 4 }), within: fc.constantFrom(1, 60) }),
})

type Step =
  | { readonly do: 'admit' }
  | { readonly do: 'settle'; readonly which: number; readonly verdict: Verdict; readonly duration: number }
  | { readonly do: 'advance'; readonly by: number }
  | { readonly do: 'isolate'; readonly way: 'open' | 'closed' }
  | { readonly do: 'release' | 'reset' }
  | { readonly do: 'outvote'; readonly left: number }
  | { readonly do: 'configure'; readonly policy: CircuitPolicy }

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ do: 'admit' as const }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(5),
      verdict: fc.constantFrom<Verdict>('success', 'failure', 'failure', 'ignored'),
      duration: fc.constantFrom(0, 49, 50, 100),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('advance' as const), by: fc.constantFrom(1, 7, 30, 150) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('isolate' as const),
      way: fc.constantFrom('open' as const, 'closed' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('release' as const, 'reset' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('outvote' as const), left: fc.constantFrom(0, 30, 90) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('configure' as const), policy: policies }) },
)

describe('a circuit', () => {
  it('does what the model does, whatever happens, and always closes again', async () => {
    const reached = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(policies, fc.array(steps, { maxLength: 120, size: 'max' }), async (policy, script) => {
        const clock = new VirtualClock()
        const changes: [State, State][] = []
        const circuit = new Circuit({
          clock,
          policy,
          random: () => 0.5,
          changed: (_, from, to, why) => {
            changes.push([from, to])
            const change = `${from} > ${to}, ${why}`
            reached.set(change, (reached.get(change) ?? 0) + 1)
          },
        })
        const model = new CircuitModel(policy, 0.5)
        const held: { readonly permit: number; readonly ticket: ReturnType<CircuitModel['admit']> }[] = []
        const now = (): number => clock.elapsed()
        let most = 0
        for (const step of script) {
          switch (step.do) {
            case 'admit': {
              const permit = circuit.admit()
              const ticket = model.admit(now())
              assert.equal(permit !== 0, ticket !== undefined)
              if (permit !== 0) held.push({ permit, ticket })
              break
            }
            case 'settle': {
              const [one] = held.splice(step.which % Math.max(1, held.length), 1)
              if (one?.ticket === undefined) break
              circuit.settle(one.permit, step.verdict, step.duration, 'no')
              model.settle(one.ticket, step.verdict, step.duration, now())
              break
            }
            case 'advance':
              await clock.advance(step.by)
              break
            case 'isolate':
              circuit.isolate(step.way)
              model.isolate(step.way)
              break
            case 'outvote':
              circuit.outvote(step.left)
              model.outvote(step.left, now())
              break
            case 'configure':
              circuit.configure(step.policy)
              model.configure(step.policy, now())
              break
            default:
              circuit[step.do]()
              model[step.do]()
          }
          model.follow(now())
          const seen = circuit.inspect()
          assert.equal(seen.state, model.seen)
          assert.equal(seen.trips, model.trips)
          assert.equal(seen.rejected, model.rejected)
          if (seen.state === 'closed') {
            assert.deepEqual(seen.window, model.counts(now()))
            assert.equal(seen.consecutive, model.consecutive())
          }
          if (seen.probes) {
            assert.deepEqual(seen.probes, { out: model.out().length, ...model.probes })
            const { out, successes, failures } = seen.probes
            // Fewer may have been allowed after they were let in.
            if (step.do === 'admit')
              assert.ok(out + successes + failures <= Math.max(most, model.policy.probes.count))
            if (step.do === 'configure') most = out + successes + failures
          } else most = 0
        }
        for (const [i, [from]] of changes.entries()) if (i > 0) assert.equal(from, changes[i - 1]?.[1])
        assert.equal(clock.pending, 0)

        // Whatever is out never comes back. It closes by what is let in from now on.
        circuit.release()
        const { reset, probes } = model.policy
        await clock.advance(reset.max + probes.within)
        for (let i = 0; i <= 2 * probes.count && circuit.state !== 'closed'; i++) {
          const permit = circuit.admit()
          assert.notEqual(permit, 0)
          circuit.settle(permit, 'success', -1)
        }
        assert.equal(circuit.state, 'closed')
      }),
      { numRuns: 400 * runs },
    )
    for (const change of [
      'closed > open, ratio',
      'closed > open, slow',
      'closed > open, consecutive',
      'open > half-open, due',
      'half-open > closed, probe',
      'half-open > open, probe',
      'half-open > isolated, operator',
      'isolated > open, operator',
      'closed > open, votes',
      'half-open > open, votes',
    ])
      assert.ok((reached.get(change) ?? 0) > 0, `it never came to: ${change}`)
  })
})
