import { channel } from 'node:diagnostics_channel'
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { databaseFile } from './build.ts'
import { type City, type CityAway, countryName } from './city.ts'
import { boxesAround, distance, FARTHEST_KM, type Point } from './geo.ts'
import type { Search, Visit } from './input.ts'
import { matching } from './names.ts'
import { type CountryStats, countryStats } from './stats.ts'

export class NotFound extends Error {
  override readonly name = 'NotFound'
}

export interface Visits {
  readonly city: number
  readonly visits: number
  readonly latest: string | null
}

export interface QueryEvent {
  readonly query: 'search' | 'find' | 'neighbours' | 'stats' | 'visit' | 'visits'
}

/** One event per query. Every handler of the example apps makes exactly one, so they count handler calls. */
export const queries = channel('cities:query')

const COLUMNS = 'c.id, c.name, c.country, c.feature, c.population, c.lat, c.lon'
const MOST_NEIGHBOURS = 50

/**
 * The queries of the apps. Reads never change; visits last as long as the connection, so that any number of apps can
 * share the file without seeing each other's.
 */
export class Cities {
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  readonly #largest: StatementSync
  readonly #named: StatementSync
  readonly #allNamed: StatementSync
  readonly #inBox: StatementSync
  readonly #inCountry: StatementSync
  readonly #visit: StatementSync
  readonly #visits: StatementSync

  constructor(file: string = databaseFile) {
    const database = new DatabaseSync(file, { readOnly: true })
    database.exec(`
      PRAGMA temp_store = MEMORY;
      CREATE TEMP TABLE visits (id INTEGER PRIMARY KEY, city INTEGER NOT NULL, visitor TEXT NOT NULL);
      CREATE INDEX temp.visits_by_city ON visits (city);
    `)
    this.#database = database
    this.#find = database.prepare(`SELECT ${COLUMNS} FROM cities c WHERE c.id = ?`)
    this.#largest = database.prepare(
      `SELECT ${COLUMNS} FROM cities c ORDER BY c.population DESC, c.id LIMIT ?`,
    )
    const named = `SELECT ${COLUMNS} FROM names JOIN cities c ON c.id = names.rowid WHERE names MATCH ?`
    this.#named = database.prepare(`${named} ORDER BY c.population DESC, c.id LIMIT ?`)
    this.#allNamed = database.prepare(named)
    this.#inBox = database.prepare(`
      SELECT ${COLUMNS} FROM places p JOIN cities c ON c.id = p.id
      WHERE p.north >= ? AND p.south <= ? AND p.east >= ? AND p.west <= ?`)
    this.#inCountry = database.prepare(`
      SELECT ${COLUMNS} FROM cities c WHERE c.country = ? ORDER BY c.population DESC, c.id`)
    this.#visit = database.prepare('INSERT INTO temp.visits (city, visitor) VALUES (?, ?)')
    this.#visits = database.prepare(`
      SELECT count(*) AS visits, (SELECT visitor FROM temp.visits WHERE city = :city ORDER BY id DESC) AS latest
      FROM temp.visits WHERE city = :city`)
  }

  /** By name: the largest first. By place: the nearest first. By both: the nearest of that name. */
  search({ q, near, limit }: Search): City[] | CityAway[] {
    queries.publish({ query: 'search' } satisfies QueryEvent)
    if (near === undefined) {
      const rows = q === undefined ? this.#largest.all(limit) : this.#named.all(matching(q), limit)
      return rows.map(toCity)
    }
    if (q === undefined) return this.#nearest(near, limit)
    return nearestFirst(this.#allNamed.all(matching(q)).map(toCity), near).slice(0, limit)
  }

  find(id: number): City {
    queries.publish({ query: 'find' } satisfies QueryEvent)
    return this.#city(id)
  }

  neighbours(id: number, radiusKm: number): { city: City; total: number; neighbours: CityAway[] } {
    queries.publish({ query: 'neighbours' } satisfies QueryEvent)
    const city = this.#city(id)
    const others = this.#within(city, radiusKm).filter((other) => other.id !== id)
    return { city, total: others.length, neighbours: others.slice(0, MOST_NEIGHBOURS) }
  }

  stats(country: string): CountryStats {
    queries.publish({ query: 'stats' } satisfies QueryEvent)
    const cities = this.#inCountry.all(country).map(toCity)
    if (cities.length === 0) throw new NotFound(`There are no cities in a country ${country}`)
    return countryStats(country, cities)
  }

  visit(id: number, { visitor }: Visit): Visits {
    queries.publish({ query: 'visit' } satisfies QueryEvent)
    this.#city(id)
    this.#visit.run(id, visitor)
    return this.#visitsTo(id)
  }

  visits(id: number): Visits {
    queries.publish({ query: 'visits' } satisfies QueryEvent)
    this.#city(id)
    return this.#visitsTo(id)
  }

  close(): void {
    this.#database.close()
  }

  #city(id: number): City {
    const row = this.#find.get(id)
    if (row === undefined) throw new NotFound(`There is no city with the id ${id}`)
    return toCity(row)
  }

  #visitsTo(id: number): Visits {
    const row = this.#visits.get({ city: id })
    return { city: id, visits: Number(row?.visits), latest: row?.latest == null ? null : String(row.latest) }
  }

  /** Looks in a circle, and in one twice as wide until there are enough in it. */
  #nearest(point: Point, limit: number): CityAway[] {
    for (let km = 25; ; km *= 2) {
      const found = this.#within(point, km)
      if (found.length >= limit || km >= FARTHEST_KM) return found.slice(0, limit)
    }
  }

  #within(point: Point, km: number): CityAway[] {
    const boxed = boxesAround(point, km).flatMap(({ south, north, west, east }) =>
      this.#inBox.all(south, north, west, east).map(toCity),
    )
    return nearestFirst(boxed, point).filter((city) => city.distanceKm <= km)
  }
}

function toCity(row: Record<string, SQLOutputValue>): City {
  const country = String(row.country)
  return {
    id: Number(row.id),
    name: String(row.name),
    country,
    countryName: countryName(country),
    feature: String(row.feature),
    population: Number(row.population),
    lat: Number(row.lat),
    lon: Number(row.lon),
  }
}

function nearestFirst(cities: readonly City[], point: Point): CityAway[] {
  return cities
    .map((city) => ({ ...city, distanceKm: Number(distance(point, city).toFixed(3)) }))
    .sort((a, b) => a.distanceKm - b.distanceKm || a.id - b.id)
}
