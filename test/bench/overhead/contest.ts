import type { Group } from './group.ts'
import { load } from './load.ts'
import { Serving } from './serving.ts'

/** One contender in one round. */
export interface Lap {
  readonly perSecond: number
  /** Processor time of the server, in microseconds for each request. */
  readonly cpu: number
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
  name: string,
  group: Group,
  entered: readonly string[],
  { rounds, seconds }: Course,
): Promise<Laps> => {
  const laps = new Map<string, Lap[]>(entered.map((each) => [each, []]))
  const running = await startAll(name, group, entered)
  try {
    for (const serving of running.values()) await load(serving.url, warmUp)
    for (let round = 0; round < rounds; round++) {
      for (const each of rotated(entered, round)) {
        const serving = running.get(each)
        if (!serving) continue
        const lap = await timed(serving, seconds)
        laps.get(each)?.push(lap)
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
  name: string,
  group: Group,
  entered: readonly string[],
  seconds: number,
): Promise<Map<string, string>> => {
  const spots = new Map<string, string>()
  const running = await startAll(name, group, entered)
  try {
    for (const [each, serving] of running) {
      await load(serving.url, warmUp)
      await serving.startProfile()
      await load(serving.url, seconds)
      spots.set(each, await serving.hotSpots())
    }
    return spots
  } finally {
    for (const serving of running.values()) serving.stop()
  }
}

const startAll = async (
  name: string,
  group: Group,
  entered: readonly string[],
): Promise<ReadonlyMap<string, Serving>> => {
  const running = new Map<string, Serving>()
  try {
    for (const each of entered) running.set(each, await Serving.start(name, each, group.path))
    await verifyAll(group, running)
    return running
  } catch (error) {
    for (const serving of running.values()) serving.stop()
    throw error
  }
}

const verifyAll = async (group: Group, running: ReadonlyMap<string, Serving>): Promise<void> => {
  for (const [each, serving] of running) {
    const contender = group.contenders[each]
    if (contender) await serving.verify(contender.answer)
  }
}

const timed = async (serving: Serving, seconds: number): Promise<Lap> => {
  const before = await serving.cpu()
  const { requests, seconds: took } = await load(serving.url, seconds)
  const after = await serving.cpu()
  return { perSecond: requests / took, cpu: (after - before) / requests }
}

const rotated = <T>(items: readonly T[], by: number): readonly T[] => {
  const from = by % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}
