import { type City, countryName } from './city.ts'
import { centroid, distance, type Point } from './geo.ts'

export interface CountryStats {
  readonly country: string
  readonly countryName: string
  readonly cities: number
  readonly population: { readonly total: number; readonly mean: number; readonly median: number }
  readonly largest: readonly { readonly id: number; readonly name: string; readonly population: number }[]
  /** Where the inhabitants live on average. */
  readonly centreOfPopulation: Point
  /** The one-degree cell, named by its south-west corner, with the most inhabitants. */
  readonly densestCell: Point & { readonly cities: number; readonly population: number }
  /** How far a larger city is from the next one; null where a country has only one. */
  readonly spacing: { readonly cities: number; readonly meanNearestKm: number | null }
}

const LARGEST = 5
const SPACED = 500

/** Statistics of one country. Takes its cities, largest first; there is at least one. */
export function countryStats(code: string, cities: readonly City[]): CountryStats {
  const total = cities.reduce((sum, { population }) => sum + population, 0)
  const spaced = cities.slice(0, SPACED)
  return {
    country: code,
    countryName: countryName(code),
    cities: cities.length,
    population: { total, mean: Math.round(total / cities.length), median: medianPopulation(cities) },
    largest: cities.slice(0, LARGEST).map(({ id, name, population }) => ({ id, name, population })),
    centreOfPopulation: centreOfPopulation(cities, total),
    densestCell: densestCell(cities),
    spacing: { cities: spaced.length, meanNearestKm: meanNearestKm(spaced) },
  }
}

function medianPopulation(largestFirst: readonly City[]): number {
  const middle = (largestFirst.length - 1) / 2
  const upper = largestFirst[Math.floor(middle)]?.population ?? 0
  const lower = largestFirst[Math.ceil(middle)]?.population ?? 0
  return (upper + lower) / 2
}

function centreOfPopulation(cities: readonly City[], total: number): Point {
  // Some countries have only cities whose population nobody counted.
  const weighted = cities.map(({ lat, lon, population }) => ({
    lat,
    lon,
    weight: total > 0 ? population : 1,
  }))
  const { lat, lon } = centroid(weighted)
  return { lat: round(lat, 5), lon: round(lon, 5) }
}

function densestCell(cities: readonly City[]): CountryStats['densestCell'] {
  const cells = new Map<string, { lat: number; lon: number; cities: number; population: number }>()
  for (const city of cities) {
    const [lat, lon] = [Math.floor(city.lat), Math.floor(city.lon)]
    const key = `${lat},${lon}`
    const cell = cells.get(key) ?? { lat, lon, cities: 0, population: 0 }
    cell.cities += 1
    cell.population += city.population
    cells.set(key, cell)
  }
  return [...cells.values()].reduce((densest, cell) =>
    cell.population > densest.population ? cell : densest,
  )
}

/** Every city against every other: quadratic, and by far the most work in here. */
function meanNearestKm(cities: readonly City[]): number | null {
  if (cities.length < 2) return null
  let sum = 0
  for (const city of cities) {
    let nearest = Number.POSITIVE_INFINITY
    for (const other of cities) {
      if (other !== city) nearest = Math.min(nearest, distance(city, other))
    }
    sum += nearest
  }
  return round(sum / cities.length, 3)
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))
