import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { breaker } from '@millrace/breaker'
import { ConfigError, millrace } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import CircuitBreaker from 'opossum'
import { collectGarbage } from '../leaks/garbage.ts'
import { cockatielSubject, millraceSubject, opossumSubject, type Subject, type Work } from './subjects.ts'

/** One way in which a breaker can be wrong. */
interface Flaw {
  readonly name: string
  /** Who has it, of opossum 10 and cockatiel 4. */
  readonly peers: readonly ('opossum' | 'cockatiel')[]
  /** @throws where the subject has it */
  check(subject: Subject): Promise<void>
}

const well: Work = async () => 'well'
const fails: Work = async () => {
  throw new Error('no')
}

const times = async (count: number, subject: Subject, work: Work): Promise<void> => {
  for (let time = 0; time < count; time++) await subject.run(work).catch(() => undefined)
}

/** Never settles by itself. */
const hang = (): { readonly work: Work; readonly end: () => void; signal: AbortSignal | undefined } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const hung = {
    signal: undefined as AbortSignal | undefined,
    end: resolve,
    work: (signal: AbortSignal) => {
      hung.signal = signal
      return promise
    },
  }
  return hung
}

const flaws: readonly Flaw[] = [
  {
    name: 'a call that takes too long ends the others with it',
    peers: ['opossum'],
    async check(subject) {
      const [slow, other] = [hang(), hang()]
      const first = subject.run(slow.work).catch(() => undefined)
      await subject.pass(400)
      const second = subject.run(other.work)
      await subject.pass(200)
      await first
      assert.equal(slow.signal?.aborted, true)
      assert.equal(other.signal?.aborted, false)
      other.end()
      await second
    },
  },
  {
    name: 'calls on their way hide that all that came back have failed',
    peers: ['opossum'],
    async check(subject) {
      const hung = Array.from({ length: 20 }, hang)
      const running = hung.map(({ work }) => subject.run(work).catch(() => undefined))
      await times(10, subject, fails)
      assert.equal(subject.state(), 'open')
      for (const { end } of hung) end()
      await Promise.all(running)
    },
  },
  {
    name: 'calls that were rejected hide that all that came back have failed',
    peers: ['opossum'],
    async check(subject) {
      await times(10, subject, fails)
      assert.equal(subject.state(), 'open')
      await times(200, subject, well)
      await subject.pass(350)
      await times(1, subject, well)
      assert.equal(subject.state(), 'closed')
      await times(30, subject, fails)
      assert.equal(subject.state(), 'open')
    },
  },
  {
    name: 'a call from before the trip closes a circuit that is half open',
    peers: ['opossum'],
    async check(subject) {
      await times(4, subject, well)
      await subject.pass(100)
      const early = hang()
      const running = subject.run(early.work).catch(() => undefined)
      await times(10, subject, fails)
      assert.equal(subject.state(), 'open')
      await subject.pass(350)
      const probe = hang()
      const probing = subject.run(probe.work).catch(() => undefined)
      await settled()
      early.end()
      await running
      await settled()
      assert.equal(subject.state(), 'half-open')
      probe.end()
      await probing
      assert.equal(subject.state(), 'closed')
    },
  },
  {
    name: 'callers who gave up trip it',
    peers: ['opossum', 'cockatiel'],
    async check(subject) {
      for (let call = 0; call < 20; call++) {
        const controller = new AbortController()
        const given: Work = (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true })
          })
        const running = subject.run(given, controller.signal).catch(() => undefined)
        await settled()
        controller.abort()
        await running
      }
      assert.equal(subject.state(), 'closed')
    },
  },
]

describe('what breakers do wrong, this one does not', () => {
  for (const { name, check } of flaws) {
    it(name, async () => {
      const subject = millraceSubject()
      await check(subject)
      await subject.close()
    })
  }
})

describe('what a breaker holds', () => {
  const count = 1000
  const failure = new Error('no')
  const keyed = (clock: VirtualClock): ((key: string) => Promise<unknown>) =>
    millrace({ plugins: [breaker()], clock }).wrap(
      'work',
      async (_key: string) => {
        throw failure
      },
      { breaker: { timeout: '1s', trip: { consecutive: 3 }, key: (key) => key } },
    )

  it('one timer for all, however many there are, closed or open', async () => {
    const clock = new VirtualClock()
    const call = keyed(clock)
    for (let time = 0; time < 5; time++) {
      for (let key = 0; key < count; key++) await call(String(key)).catch(() => undefined)
      await clock.advance(1)
    }
    assert.ok(clock.pending <= 1)
    await clock.advance(2000)
    assert.equal(clock.pending, 0)
  })

  it('no more after many calls than after a few', async () => {
    const clock = new VirtualClock()
    const call = keyed(clock)
    const calls = async (count: number): Promise<number> => {
      for (let time = 0; time < count; time++) await call('one').catch(() => undefined)
      await collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const before = await calls(2000)
    assert.ok((await calls(20_000)) - before < 300_000)
  })

  it('nothing to misread: a zero is done as it says, or refused', async () => {
    for (const [rule, place] of [
      [{ timeout: 0 }, 'timeout'],
      [{ trip: { window: 0 } }, 'trip.window'],
      [{ trip: { consecutive: 0 } }, 'trip.consecutive'],
      [{ probes: 0 }, 'probes'],
    ] as const) {
      assert.throws(
        () => millrace({ plugins: [breaker()], routes: { '/**': { breaker: rule } } }),
        (error) => error instanceof ConfigError && error.message.includes(place),
        JSON.stringify(rule),
      )
    }
    const mill = millrace({ plugins: [breaker()], clock: new VirtualClock() })
    const call = mill.wrap('work', () => Promise.reject(failure), {
      breaker: { trip: { ratio: 0, minimum: 0 }, reset: 0 },
    })
    for (let time = 0; time < 3; time++) await assert.rejects(call(), failure)
    assert.equal(mill.breaker.states()[0]?.trips, 3)
  })
})

const peers = { opossum: opossumSubject, cockatiel: cockatielSubject }

describe('what others do wrong', { skip: !process.env.MILLRACE_PEERS && 'MILLRACE_PEERS=1 shows it' }, () => {
  for (const [peer, make] of Object.entries(peers)) {
    for (const { name, peers, check } of flaws) {
      const hasIt = peers.some((each) => each === peer)
      it(`${peer}, ${hasIt ? 'does' : 'does not'}: ${name}`, async () => {
        const subject = make()
        try {
          if (hasIt) await assert.rejects(check(subject), { name: 'AssertionError' })
          else await check(subject)
        } finally {
          await subject.close()
        }
      })
    }
  }

  it('opossum has two timers for each breaker, and one of them without snapshots', () => {
    const set = mock.method(globalThis, 'setInterval')
    const timersOf = (options: CircuitBreaker.Options): number => {
      const before = set.mock.callCount()
      new CircuitBreaker(well, options).shutdown()
      return set.mock.callCount() - before
    }
    assert.equal(timersOf({}), 2)
    assert.equal(timersOf({ enableSnapshots: false }), 1)
    set.mock.restore()
  })

  it('opossum keeps how long each call of its window took, also where nobody wants to know', async () => {
    const circuit = new CircuitBreaker(well, { rollingPercentilesEnabled: false, enableSnapshots: false })
    for (let call = 0; call < 1000; call++) await circuit.fire(new AbortController().signal)
    const kept: unknown = Reflect.get(circuit.status.window[0] ?? {}, 'latencyTimes')
    assert.ok(Array.isArray(kept) && kept.length === 1000)
    circuit.shutdown()
  })

  it('opossum takes a window of nothing for one of ten seconds', () => {
    const set = mock.method(globalThis, 'setInterval')
    new CircuitBreaker(well, { rollingCountTimeout: 0, rollingCountBuckets: 0 }).shutdown()
    assert.deepEqual(
      set.mock.calls.map(({ arguments: [, delay] }) => delay),
      [1000, 1000],
    )
    set.mock.restore()
  })
})
