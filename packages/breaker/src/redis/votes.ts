import { randomBytes } from 'node:crypto'
import { within } from '@millrace/core'
import type { Ballot, Tally, Vote, Votes } from '../votes.ts'
import { type Client, parse, type RedisVotesSource, type Settings } from './client.ts'
import { castIn } from './script.ts'

/**
 * Votes through a Redis (from 6.2, or a cluster): one round trip for each ballot, two sorted sets for each name, which end
 * by themselves when nobody says anything any more.
 *
 * @throws TypeError when the options are wrong
 */
export const redisVotes = (source: RedisVotesSource): Votes => new RedisVotes(parse(source))

class RedisVotes implements Votes {
  readonly #settings: Settings
  readonly #voter = randomBytes(9).toString('base64url')
  /** What the server may know of this process: the keys that it said are open, by name. */
  readonly #said = new Map<string, Set<string>>()
  #client: Client | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  async start(): Promise<void> {
    this.#use()
  }

  async stop(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    if (client === undefined || !this.#settings.isOwn) return
    client.off('error', ignore)
    client.on('error', ignore)
    client.disconnect()
  }

  async cast(ballot: Ballot): Promise<readonly Tally[]> {
    const { clock, deadline } = this.#settings
    const client = await this.#ready()
    const { keys, args, said } = this.#write(ballot)
    const work = castIn(client, keys, args)
    const answer = await within(clock, deadline, work, `Redis did not answer within ${deadline} ms`)
    const tallies = read(answer, ballot.names, clock.now())
    this.#said.clear()
    for (const [name, open] of said) this.#said.set(name, open)
    return tallies
  }

  #use(): Client {
    if (this.#client !== undefined) return this.#client
    const client = this.#settings.make()
    this.#client = client
    if (this.#settings.isOwn) client.on('error', ignore)
    if (client.status === 'wait') client.connect().catch(ignore)
    return client
  }

  /** A client that is not connected would keep the ballot until it is: out of date by then. */
  async #ready(): Promise<Client> {
    const client = this.#use()
    const { clock, deadline } = this.#settings
    if (client.status === 'connecting' || client.status === 'connect') {
      const { promise, resolve } = Promise.withResolvers<void>()
      client.once('ready', resolve)
      client.once('close', resolve)
      try {
        await within(clock, deadline, promise, `Redis is not there after ${deadline} ms`)
      } finally {
        client.off('ready', resolve)
        client.off('close', resolve)
      }
    }
    if (client.status !== 'ready') throw new Error(`Redis is ${client.status}`)
    return client
  }

  #write({ names, open, until }: Ballot): {
    readonly keys: readonly string[]
    readonly args: readonly (string | number)[]
    readonly said: ReadonlyMap<string, Set<string>>
  } {
    const { clock, prefix } = this.#settings
    const now = clock.now()
    const said = new Map(names.map((name) => [name, new Set<string>()]))
    const votes = Map.groupBy(open, ({ name }) => name)
    const keys: string[] = []
    const args: (string | number)[] = [this.#voter, Math.max(1, Math.ceil(until - now))]
    // Those of the ballot first, in its order: these are told of.
    for (const name of new Set([...names, ...this.#said.keys()])) {
      const own = said.get(name)
      const given: readonly Vote[] = own === undefined ? [] : (votes.get(name) ?? [])
      const isGiven = new Set(given.map(({ key }) => key))
      const taken = [...(this.#said.get(name) ?? [])].filter((key) => !isGiven.has(key))
      // One slot for all of them, so that a cluster takes them together.
      keys.push(`${prefix}{breaker}:live:${name}`, `${prefix}{breaker}:open:${name}`)
      args.push(own === undefined ? 0 : 1, taken.length, ...taken, given.length)
      for (const { key, until } of given) args.push(key, Math.max(0, Math.ceil(until - now)))
      // Known before it is sent: nobody can tell whether one that failed was heard.
      this.#said.set(name, new Set([...taken, ...isGiven]))
      if (own !== undefined) for (const key of isGiven) own.add(key)
    }
    return { keys, args, said }
  }
}

const ignore = (): void => undefined

/** @throws TypeError for an answer that the script does not give */
const read = (answer: unknown, names: readonly string[], now: number): Tally[] => {
  const [server, ...rest]: unknown[] = Array.isArray(answer) ? answer : []
  if (typeof server !== 'number' || rest.length !== 2 * names.length)
    throw new TypeError('Redis gave another answer than was asked for')
  return names.map((name, index) => {
    const [voters, flat] = [rest[2 * index], rest[2 * index + 1]]
    const open: { key: string; until: number }[] = []
    if (Array.isArray(flat)) {
      for (let at = 0; at < flat.length; at += 2) {
        const vote = String(flat[at])
        open.push({ key: vote.slice(vote.indexOf(' ') + 1), until: now + (Number(flat[at + 1]) - server) })
      }
    }
    return { name, voters: Number(voters), open }
  })
}
