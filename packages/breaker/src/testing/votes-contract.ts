import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ballot, Tally, Vote, Votes } from '../votes.ts'

export interface VotesUnderTest {
  readonly name: string
  /** A new medium for each test. */
  open(): Promise<{
    /** Another process on it. */
    join(): Votes
    /** Milliseconds since 1970, by the processes' clock. */
    now(): number
    /** Lets so much time pass for processes and medium. */
    pass(ms: number): Promise<void>
    /** From now on nobody is heard, until `heal`; what was said may be lost. */
    cut(): Promise<void>
    heal(): Promise<void>
    close(): Promise<void>
  }>
}

const open = (until: number, name = 'db', key = ''): Vote => ({ name, key, until })

/** How far two processes may be apart about a time: they ask one after the other. */
const slack = 2000

const first = (tallies: readonly Tally[]): Tally => {
  const [tally] = tallies
  assert.ok(tally)
  return tally
}

const keysOf = ({ open }: Tally): string[] => open.map(({ key }) => key).sort()

/** The behaviour that every place to vote has in common: run it from the driver's own tests. */
export const votesContract = ({ name, open: begin }: VotesUnderTest): void => {
  describe(`votes contract: ${name}`, () => {
    const ballot = (now: number, votes: readonly Vote[] = [], names: readonly string[] = ['db']): Ballot => ({
      names,
      open: votes,
      until: now + 60_000,
    })

    test('counts who has a circuit of the name, and who says that it is open', async () => {
      const medium = await begin()
      const [a, b, c, other] = [medium.join(), medium.join(), medium.join(), medium.join()]
      const now = medium.now()
      assert.deepEqual(await a.cast(ballot(now)), [{ name: 'db', voters: 1, open: [] }])
      await other.cast(ballot(now, [open(now + 5000, 'mail')], ['mail']))
      await b.cast(ballot(now, [open(now + 10_000)]))
      const tally = first(await c.cast(ballot(now, [open(now + 20_000)])))
      assert.equal(tally.voters, 3)
      assert.deepEqual(keysOf(tally), ['', ''])
      const [longest, shortest] = tally.open.map(({ until }) => until - now)
      assert.ok(Math.abs((longest ?? 0) - 20_000) < slack, `longest: ${longest}`)
      assert.ok(Math.abs((shortest ?? 0) - 10_000) < slack, `shortest: ${shortest}`)
      await medium.close()
    })

    test('tells of each name in the order of the ballot', async () => {
      const medium = await begin()
      const [a, b] = [medium.join(), medium.join()]
      const now = medium.now()
      await a.cast(ballot(now, [open(now + 9000, 'b 2'), open(now + 9000, 'ü:{x}')], ['a', 'b 2', 'ü:{x}']))
      const names = ['ü:{x}', 'c', 'b 2', 'a']
      const tallies = await b.cast(ballot(now, [], names))
      assert.deepEqual(
        tallies.map((each) => [each.name, each.voters, each.open.length]),
        [
          ['ü:{x}', 2, 1],
          ['c', 1, 0],
          ['b 2', 2, 1],
          ['a', 2, 0],
        ],
      )
      assert.deepEqual(await b.cast(ballot(now, [], [])), [])
      await medium.close()
    })

    test('keeps keys apart, whatever is in them', async () => {
      const medium = await begin()
      const [a, b] = [medium.join(), medium.join()]
      const now = medium.now()
      const keys = ['', 'a', 'a b', ' ', 'é:\u{1f600}', '{x}', '-1']
      await a.cast(
        ballot(
          now,
          keys.map((key) => open(now + 9000, 'db', key)),
        ),
      )
      const tally = first(await b.cast(ballot(now, [open(now + 9000, 'db', 'a b')])))
      assert.deepEqual(keysOf(tally), [...keys, 'a b'].sort())
      await medium.close()
    })

    test('a ballot takes the place of the one before', async () => {
      const medium = await begin()
      const [a, b] = [medium.join(), medium.join()]
      const now = medium.now()
      const asked = async (): Promise<Tally> => first(await b.cast(ballot(now)))
      await a.cast(ballot(now, [open(now + 9000), open(now + 9000, 'db', 'k')]))
      assert.deepEqual(keysOf(await asked()), ['', 'k'])
      await a.cast(ballot(now, [open(now + 30_000)]))
      const renewed = await asked()
      assert.deepEqual(keysOf(renewed), [''])
      assert.ok((renewed.open[0]?.until ?? 0) > now + 20_000)
      await a.cast(ballot(now))
      assert.deepEqual([(await asked()).voters, keysOf(await asked())], [2, []])
      await a.cast(ballot(now, [open(now + 9000)]))
      await a.cast(ballot(now, [], []))
      assert.deepEqual([(await asked()).voters, keysOf(await asked())], [1, []])
      await medium.close()
    })

    test('a vote ends at its time, a process that says nothing at the end of its own, and its votes with it', async () => {
      const medium = await begin()
      const [a, b, c] = [medium.join(), medium.join(), medium.join()]
      const began = medium.now()
      await a.cast({ names: ['db'], open: [open(began + 60_000)], until: began + 1000 })
      await b.cast(ballot(began, [open(began + 1000)]))
      const before = first(await c.cast(ballot(began)))
      assert.deepEqual([before.voters, before.open.length], [3, 2])
      await medium.pass(1100)
      const after = first(await c.cast(ballot(medium.now())))
      assert.deepEqual([after.voters, after.open.length], [2, 0])
      await medium.close()
    })

    test('nobody is heard while it is cut, and everybody after it', async () => {
      const medium = await begin()
      const [a, b] = [medium.join(), medium.join()]
      const now = medium.now()
      await a.cast(ballot(now, [open(now + 60_000)]))
      await medium.cut()
      await assert.rejects(a.cast(ballot(now, [open(now + 60_000, 'db', 'k')])))
      await assert.rejects(b.cast(ballot(now)))
      await medium.heal()
      await a.cast(ballot(now, [open(now + 60_000, 'db', 'k')]))
      const tally = first(await b.cast(ballot(now)))
      assert.deepEqual([tally.voters, keysOf(tally)], [2, ['k']])
      await medium.close()
    })
  })
}
