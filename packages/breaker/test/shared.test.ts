import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Millrace, millrace } from '@millrace/core'
import { faulty, settled, VirtualClock } from '@millrace/testing'
import {
  type BreakerControls,
  BreakerOpenError,
  type BreakerRule,
  breaker,
  type StateChanged,
  stateChanged,
} from '../src/index.ts'
import { Board } from '../src/testing/index.ts'
import type { Votes } from '../src/votes.ts'

interface Process {
  readonly mill: Millrace & { readonly breaker: BreakerControls }
  /** Fails, or does not, as it is told. */
  call(fails: boolean): Promise<string>
  state(): string | undefined
}

const rule = {
  trip: { ratio: 0.5, minimum: 2, window: '10s' },
  reset: { after: '10s', jitter: 0 },
} satisfies BreakerRule

const start = async (
  clock: VirtualClock,
  votes: Votes,
  more: { readonly shared?: false; readonly key?: (fails: boolean) => string } = {},
): Promise<Process> => {
  const mill = millrace({ plugins: [breaker({ shared: votes })], clock })
  const call = mill.wrap(
    'db',
    async (fails: boolean) => {
      if (fails) throw new Error('no')
      return 'well'
    },
    { breaker: { ...rule, ...more } },
  )
  await mill.start()
  await settled()
  return {
    mill,
    call: (fails) =>
      call(fails).catch((error: unknown) => (error instanceof BreakerOpenError ? 'rejected' : 'failed')),
    state: () => mill.breaker.states()[0]?.state,
  }
}

const trip = async ({ call }: Process): Promise<void> => {
  for (let time = 0; time < 2; time++) assert.equal(await call(true), 'failed')
}

const crew = async (count: number, clock: VirtualClock): Promise<{ board: Board; all: Process[] }> => {
  const board = new Board(clock)
  const all: Process[] = []
  while (all.length < count) all.push(await start(clock, board.join()))
  // Nothing has come by yet, and all know of each other.
  await clock.advance(1000)
  return { board, all }
}

const states = (all: readonly Process[]): (string | undefined)[] => all.map((each) => each.state())

describe('processes that open circuits together', () => {
  it('one bad process stops only itself', async () => {
    const clock = new VirtualClock()
    const { all } = await crew(3, clock)
    const [bad, ...others] = all
    assert.ok(bad)
    for (const { call } of others) await call(false)
    await trip(bad)
    await clock.advance(3000)
    assert.deepEqual(states(all), ['open', 'closed', 'closed'])
    for (const { call } of others) assert.equal(await call(false), 'well')
  })

  it('what more than half have opened is open in all, and each tries again by itself', async () => {
    const clock = new VirtualClock()
    const told: StateChanged[] = []
    const end = stateChanged.subscribe((event) => void told.push(event))
    const { all } = await crew(3, clock)
    const [a, b, c] = all
    assert.ok(a && b && c)
    await c.call(false)
    await trip(a)
    await trip(b)
    await clock.advance(1000)
    assert.deepEqual(states(all), ['open', 'open', 'open'])
    assert.equal(await c.call(false), 'rejected')
    assert.deepEqual(
      told.map(({ to, why }) => `${to} by ${why}`),
      ['open by ratio', 'open by ratio', 'open by votes'],
    )
    await clock.advance(9000)
    assert.deepEqual(states(all), ['half-open', 'half-open', 'half-open'])
    assert.equal(await c.call(false), 'well')
    await clock.advance(2000)
    assert.equal(c.state(), 'closed')
    // Its own back-off has not grown by what others said.
    await trip(c)
    assert.equal(c.mill.breaker.states()[0]?.trips, 1)
    end()
  })

  it('an operator who resets enough of them opens the way for the others', async () => {
    const clock = new VirtualClock()
    const { all } = await crew(3, clock)
    const [a, b, c] = all
    assert.ok(a && b && c)
    await c.call(false)
    for (const each of [a, b]) await trip(each)
    await clock.advance(1000)
    assert.equal(c.state(), 'open')
    a.mill.breaker.reset('db')
    await clock.advance(1000)
    assert.deepEqual(states(all), ['closed', 'open', 'half-open'])
  })

  it('what the others say is not said again, so that it ends', async () => {
    const clock = new VirtualClock()
    const { all } = await crew(4, clock)
    const [a, b, c, d] = all
    assert.ok(a && b && c && d)
    await d.call(false)
    for (const each of [a, b, c]) await trip(each)
    await clock.advance(1000)
    assert.equal(d.state(), 'open')
    // Two of four that are left are not more than half.
    await a.mill.stop()
    await b.mill.stop()
    await clock.advance(2000)
    assert.equal(d.state(), 'half-open')
  })

  it('keys are apart, and a process is told of a key that it has not seen', async () => {
    const clock = new VirtualClock()
    const board = new Board(clock)
    const key = (fails: boolean): string => (fails ? 'bad' : 'good')
    const all: Process[] = []
    while (all.length < 3) all.push(await start(clock, board.join(), { key }))
    await clock.advance(1000)
    const [a, b, c] = all
    assert.ok(a && b && c)
    for (const each of [a, b]) {
      await trip(each)
      assert.equal(await each.call(false), 'well')
    }
    await clock.advance(1000)
    assert.equal(await c.call(true), 'rejected')
    assert.equal(await c.call(false), 'well')
  })

  it('a rule may keep its circuit to itself', async () => {
    const clock = new VirtualClock()
    const board = new Board(clock)
    const all: Process[] = []
    while (all.length < 3) all.push(await start(clock, board.join(), { shared: false }))
    const [a, b, c] = all
    assert.ok(a && b && c)
    await c.call(false)
    for (const each of [a, b]) await trip(each)
    await clock.advance(3000)
    assert.deepEqual(states(all), ['open', 'open', 'closed'])
  })

  it('nobody waits for the others: with their place gone or hanging each decides alone, and says so', async () => {
    const clock = new VirtualClock()
    const board = new Board(clock)
    const port = faulty(board.join())
    const alone = await start(clock, port.port)
    const others = [await start(clock, board.join()), await start(clock, board.join())]
    await clock.advance(1000)
    for (const fault of ['hang', 'throw'] as const) {
      port.set(fault)
      await clock.advance(2000)
      assert.equal(await alone.call(false), 'well')
      for (const each of others) await trip(each)
      await clock.advance(2000)
      assert.equal(await alone.call(false), 'well')
      for (const { mill } of others) mill.breaker.reset('db')
      await clock.advance(1000)
      port.release()
    }
    for (const each of others) await trip(each)
    assert.equal(alone.state(), 'closed')
    assert.deepEqual((await alone.mill.health()).plugins['breaker'], {
      status: 'degraded',
      detail: 'decides alone: the other processes cannot be reached',
    })
    port.set('none')
    await clock.advance(2000)
    assert.equal(alone.state(), 'open')
  })

  it('says what is wrong with its options', () => {
    const votes: Votes = new Board(new VirtualClock()).join()
    const table: readonly [make: () => unknown, message: RegExp][] = [
      [
        () => breaker({ shared: { votes, interval: '1ms' } }),
        /shared\.interval \}\): expected at least 10 ms/,
      ],
      [() => breaker({ shared: { votes, quorum: { share: 1 } } }), /shared\.quorum\.share/],
      [() => breaker({ shared: { votes, quorum: { least: 0 } } }), /shared\.quorum\.least/],
      [() => Reflect.apply(breaker, undefined, [{ shared: {} }]), /expected votes/],
      [() => Reflect.apply(breaker, undefined, [{ shared: 'redis://127.0.0.1' }]), /expected votes/],
    ]
    for (const [make, message] of table) assert.throws(make, message)
  })
})
