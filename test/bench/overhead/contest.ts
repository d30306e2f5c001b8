import type { Group } from './group.ts'
import { type Asking, load } from './load.ts'
import { Serving } from './serving.ts'
import { warm } from './warm.ts'

/** One contender in one round. */
export interface Lap {
  readonly perSecond: number
  /** Processor time of the server, in microseconds for each request. */
  readonly cpu: number
  /** Of the body of an answer, as it goes over the wire. */
  readonly bytes: number
}

/** By contender: its laps, one for each round. */
export type Laps = ReadonlyMap<string, readonly Lap[]>

export interface Course {
  readonly rounds: number
  /** For each contender and round. */
  readonly seconds: number
}

/** What each contender runs unmeasured, for the compiler to have seen it. */
const warmUp = 2

/**
 * Lets contenders serve the same load in turns: each once a round, every round in another order, so that whatever
 * else the machine does falls on all of them.
 */
export const contest = async (
  module: string,
  name: string,
  group: Group,
  entered: readonly string[],
  { rounds, seconds }: Course,
): Promise<Laps> => {
  const laps = new Map<string, Lap[]>(entered.map((each) => [each, []]))
  const running = await startAll(module, name, group, entered)
  try {
    const bytes = await verifyAll(group, running)
    for (const [each, serving] of running) await load(askingOf(group, each, serving), warmUp)
    for (let round = 0; round < rounds; round++) {
      for (const each of rotated(entered, round)) {
        const serving = running.get(each)
        if (!serving) continue
        const lap = await timed(serving, askingOf(group, each, serving), seconds)
        laps.get(each)?.push({ ...lap, bytes: bytes.get(each) ?? 0 })
        process.stderr.write(
          `${name} ${round + 1}/${rounds} ${each}: ${Math.round(lap.perSecond)} req/s, ${lap.cpu.toFixed(1)} us\n`,
        )
      }
    }
    await verifyAll(group, running)
    return laps
  } finally {
    for (const serving of running.values()) serving.stop()
  }
}

/** Where each contender's time goes under load, as text by contender. */
export const profile = async (
  module: string,
  name: string,
  group: Group,
  entered: readonly string[],
  seconds: number,
): Promise<Map<string, string>> => {
  const spots = new Map<string, string>()
  const running = await startAll(module, name, group, entered)
  try {
    await verifyAll(group, running)
    for (const [each, serving] of running) {
      const asking = askingOf(group, each, serving)
      await load(asking, warmUp)
      await serving.startProfile()
      await load(asking, seconds)
      spots.set(each, await serving.hotSpots())
    }
    return spots
  } finally {
    for (const serving of running.values()) serving.stop()
  }
}

const askingOf = (group: Group, contender: string, { url }: Serving): Asking => {
  const { headers = group.headers ?? {}, keys = 1 } = group.contenders[contender] ?? {}
  return { url, headers, keys, connections: group.connections ?? 64 }
}

const startAll = async (
  module: string,
  name: string,
  group: Group,
  entered: readonly string[],
): Promise<ReadonlyMap<string, Serving>> => {
  const running = new Map<string, Serving>()
  try {
    for (const each of entered) {
      const serving = await Serving.start(module, name, each, group.path)
      running.set(each, serving)
      const { url, headers, keys } = askingOf(group, each, serving)
      if (keys > 1) await warm(url, headers, keys)
    }
    return running
  } catch (error) {
    for (const serving of running.values()) serving.stop()
    throw error
  }
}

/** @returns how many bytes the bodies have, by contender */
const verifyAll = async (
  group: Group,
  running: ReadonlyMap<string, Serving>,
): Promise<ReadonlyMap<string, number>> => {
  const bytes = new Map<string, number>()
  for (const [each, serving] of running) {
    const contender = group.contenders[each]
    if (contender === undefined) continue
    const { headers } = askingOf(group, each, serving)
    bytes.set(each, await serving.verify(contender.answer, headers))
  }
  return bytes
}

const timed = async (serving: Serving, asking: Asking, seconds: number): Promise<Omit<Lap, 'bytes'>> => {
  const before = await serving.cpu()
  const { requests, seconds: took } = await load(asking, seconds)
  const after = await serving.cpu()
  return { perSecond: requests / took, cpu: (after - before) / requests }
}

const rotated = <T>(items: readonly T[], by: number): readonly T[] => {
  const from = by % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}
