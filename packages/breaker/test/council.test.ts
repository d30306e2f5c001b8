import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faulty, settled, VirtualClock } from '@millrace/testing'
import { type Constituency, Council, type OwnTrip } from '../src/council.ts'
import { type VotesReached, voted } from '../src/events.ts'
import { Board } from '../src/testing/index.ts'
import type { Votes } from '../src/votes.ts'

/** Circuits of the name `db`, opened by hand. */
class Circuits implements Constituency {
  readonly trips = new Map<string, number>()
  outvoted = new Map<string, number>()
  readonly #clock: VirtualClock
  readonly #names: readonly string[]

  constructor(clock: VirtualClock, names: readonly string[] = ['db']) {
    this.#clock = clock
    this.#names = names
  }

  names(): readonly string[] {
    return this.#names
  }

  *ownTrips(): Iterable<OwnTrip> {
    for (const [key, until] of this.trips) {
      const left = until - this.#clock.elapsed()
      if (left > 0) yield { name: 'db', key, left }
    }
  }

  outvote(name: string, open: ReadonlyMap<string, number>): void {
    assert.equal(name, 'db')
    this.outvoted = new Map(open)
  }
}

interface Process {
  readonly circuits: Circuits
  readonly council: Council
  /** Opens its circuit, for so long. */
  trip(ms: number, key?: string): void
}

const options = { interval: 1000, quorum: { share: 0.5, least: 2 } }

const assemble = (
  count: number,
): { clock: VirtualClock; board: Board; all: Process[]; join(votes?: Votes): Process } => {
  const clock = new VirtualClock()
  const board = new Board(clock)
  const join = (votes = board.join()): Process => {
    const circuits = new Circuits(clock)
    const council = new Council(votes, clock, circuits, options)
    council.start()
    return {
      circuits,
      council,
      trip(ms, key = '') {
        circuits.trips.set(key, clock.elapsed() + ms)
        council.tell()
      },
    }
  }
  return { clock, board, all: Array.from({ length: count }, () => join()), join }
}

const isStopped = ({ circuits }: Process): boolean => circuits.outvoted.has('')

test('one bad process stops only itself', async () => {
  const { clock, all } = assemble(5)
  all[0]?.trip(60_000)
  for (let second = 0; second < 30; second++) {
    await clock.advance(1000)
    assert.ok(!all.some(isStopped))
  }
})

test('a majority stops all, within an interval, for as long as it lasts', async () => {
  const { clock, all } = assemble(5)
  await clock.advance(5500)
  const [a, b, c, d] = all
  a?.trip(10_000)
  b?.trip(20_000)
  await clock.advance(2000)
  assert.ok(!all.some(isStopped))
  c?.trip(30_000)
  await settled()
  assert.ok(c && isStopped(c), 'whoever casts the deciding vote is told at once')
  await clock.advance(1000)
  assert.ok(all.every(isStopped))
  // The first of the three ends it: only two are left then.
  const left = d?.circuits.outvoted.get('') ?? 0
  assert.equal(left, 7500)
  await clock.advance(8000)
  assert.ok(!all.some(isStopped))
})

test('two of two', async () => {
  const { clock, all } = assemble(2)
  await clock.advance(500)
  all[0]?.trip(10_000)
  await clock.advance(1000)
  assert.ok(!all.some(isStopped))
  all[1]?.trip(10_000)
  await clock.advance(1000)
  assert.ok(all.every(isStopped))
})

test('what is taken back opens again before its time', async () => {
  const { clock, all } = assemble(3)
  await clock.advance(500)
  for (const each of all.slice(0, 2)) each.trip(60_000)
  await clock.advance(1000)
  assert.ok(all.every(isStopped))
  all[0]?.circuits.trips.clear()
  all[0]?.council.tell()
  await clock.advance(1000)
  assert.ok(!all.some(isStopped))
})

test('the dead are not counted', async () => {
  const { clock, all } = assemble(5)
  const [a, b, c, d, e] = all
  a?.trip(60_000)
  b?.trip(60_000)
  await clock.advance(1000)
  assert.ok(!all.some(isStopped))
  for (const each of [d, e]) await each?.council.stop()
  await clock.advance(1000)
  assert.ok(c && isStopped(c), 'two of three')
  await a?.council.stop()
  await clock.advance(1000)
  assert.ok(!isStopped(c), 'one of two')
})

test('cut off, each decides alone, and it heals by itself', async () => {
  const { clock, board, all } = assemble(3)
  const told: VotesReached[] = []
  const end = voted.subscribe((event) => void told.push(event))
  await clock.advance(1000)
  assert.deepEqual(
    all.map(({ council }) => council.reachable),
    [true, true, true],
  )
  board.cut()
  for (const each of all) each.trip(60_000)
  await clock.advance(10_000)
  assert.ok(!all.some(isStopped))
  assert.deepEqual(all[0]?.council.inspect(), {
    reachable: false,
    voters: { db: 3 },
    lastError: 'the board cannot be reached',
  })
  board.wipe()
  board.heal()
  await clock.advance(2000)
  assert.ok(all.every(isStopped))
  end()
  assert.deepEqual(
    told.map(({ reachable }) => reachable),
    [true, true, true, false, false, false, true, true, true],
  )
})

test('a ballot that hangs holds up nobody, and no second one is sent meanwhile', async () => {
  const { clock, board, all, join } = assemble(2)
  const port = faulty(board.join())
  const slow = join(port.port)
  await clock.advance(1000)
  port.set('hang')
  await clock.advance(1000)
  const asked = port.calls.get('cast')
  for (const each of all) each.trip(60_000)
  for (let trip = 0; trip < 100; trip++) slow.trip(60_000, `${trip}`)
  await clock.advance(10_000)
  assert.equal(port.calls.get('cast'), asked)
  assert.ok(all.every(isStopped))
  port.set('none')
  port.release()
  await clock.advance(1000)
  assert.ok(isStopped(slow))
})

test('many trips make few ballots', async () => {
  const { clock, board, join } = assemble(2)
  const port = faulty(board.join())
  const busy = join(port.port)
  await clock.advance(5000)
  const before = port.calls.get('cast') ?? 0
  for (let trip = 0; trip < 1000; trip++) {
    busy.trip(60_000, `${trip}`)
    await clock.advance(1)
  }
  const casts = (port.calls.get('cast') ?? 0) - before
  assert.ok(casts >= 9 && casts <= 11, `${casts}`)
})

test('keys are outvoted one by one, and a ballot is bounded', async () => {
  const { clock, board, all, join } = assemble(2)
  const port = board.join()
  let most = 0
  const a = join({
    cast(ballot) {
      most = Math.max(most, ballot.open.length)
      return port.cast(ballot)
    },
  })
  const [b, c] = all
  for (let key = 0; key < 2000; key++) a.circuits.trips.set(`k${key}`, 60_000)
  b?.trip(60_000, 'k7')
  b?.trip(60_000, 'other')
  await clock.advance(2000)
  assert.deepEqual([...(c?.circuits.outvoted.keys() ?? [])], ['k7'])
  assert.equal(most, 100)
})

test('a council that has stopped says nothing more, leaves no timer, and may start again', async () => {
  const { clock, all } = assemble(3)
  for (const each of all) each.trip(60_000)
  await clock.advance(1000)
  for (const each of all) await each.council.stop()
  for (const each of all) each.trip(60_000)
  await clock.advance(5000)
  assert.equal(clock.pending, 0)
  all[0]?.council.start()
  await clock.advance(1000)
  assert.deepEqual(all[0]?.council.inspect(), { reachable: true, voters: { db: 1 } })
})
