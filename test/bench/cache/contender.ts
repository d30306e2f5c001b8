/** What is asked for: a value of some 200 bytes as JSON. */
export interface City {
  readonly id: number
  readonly name: string
  readonly tags: readonly string[]
  readonly at: { readonly lat: number; readonly lon: number }
}

/** Made anew for each key, so that no two entries share anything. */
export const load = async (key: string): Promise<City> => {
  const id = Number(key.slice(key.lastIndexOf('/') + 1))
  return {
    id,
    name: `The city with the number ${id}`,
    tags: ['city', `region:${id % 50}`],
    at: { lat: id / 7, lon: id / 3 },
  }
}

/** Room for everything that is asked for, with this to live, in milliseconds. */
export const ttl: number = 3_600_000
export const room: number = 100_000

/** One cache in a comparison. */
export interface Contender {
  readonly label: string
  /** Gives the `getOrSet` of a new cache that loads with `load`. */
  make(): (key: string) => Promise<unknown>
}
