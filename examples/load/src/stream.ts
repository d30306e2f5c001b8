import type { City } from '@millrace-examples/cities'

export interface StreamOptions {
  /** The cities that are asked about, the most popular first. */
  readonly cities: readonly City[]
  /** The rank-th city is asked about 1 / rank ** exponent times as often as the first. */
  readonly exponent: number
  readonly seed: number
  readonly length: number
}

/** A number from 0 up to 1. */
type Random = () => number

/** What people ask about a city, and how often. The shares add up to one. */
const questions: readonly { readonly share: number; ask(city: City, random: Random): string }[] = [
  { share: 0.3, ask: ({ id }) => `/cities/${id}` },
  { share: 0.2, ask: ({ name }) => `/cities?q=${encodeURIComponent(name)}` },
  { share: 0.1, ask: ({ name }, random) => `/cities?q=${encodeURIComponent(beginning(name, random))}` },
  { share: 0.15, ask: ({ lat, lon }) => `/cities?near=${lat.toFixed(1)},${lon.toFixed(1)}` },
  { share: 0.15, ask: ({ id }) => `/cities/${id}/neighbours?radius=50` },
  { share: 0.1, ask: ({ country }) => `/countries/${country}/stats` },
]

/** The paths of a stream of requests; the same for the same options. Every one of them has an answer. */
export function requestStream({ cities, exponent, seed, length }: StreamOptions): string[] {
  const random = mulberry32(seed)
  const rank = zipf(cities.length, exponent)
  return Array.from({ length }, () => {
    const city = at(cities, rank(random()))
    return question(random()).ask(city, random)
  })
}

function question(chance: number): (typeof questions)[number] {
  let upTo = 0
  for (const each of questions) {
    upTo += each.share
    if (chance < upTo) return each
  }
  return at(questions, questions.length - 1)
}

/** Ranks from 0 to size - 1 after Zipf's law, from an even number between 0 and 1. */
export function zipf(size: number, exponent: number): (chance: number) => number {
  const upTo = new Float64Array(size)
  let sum = 0
  for (let rank = 0; rank < size; rank++) {
    sum += 1 / (rank + 1) ** exponent
    upTo[rank] = sum
  }
  return (chance) => {
    const sought = chance * sum
    let low = 0
    let high = size - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((upTo[middle] ?? sum) > sought) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** A small generator with a seed (mulberry32, public domain): good enough for a load, and the same everywhere. */
function mulberry32(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The first three to five letters, as someone types them. Whole characters, and at least one letter. */
const beginning = (name: string, random: Random): string =>
  [...name]
    .slice(0, pick([3, 4, 5], random))
    .join('')
    .toLowerCase()
    .trim()

const pick = <T>(items: readonly T[], random: Random): T => at(items, Math.floor(random() * items.length))

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new RangeError(`there is no item ${index} among ${items.length}`)
  return item
}
