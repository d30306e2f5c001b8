import type { Point } from './geo.ts'

export interface City extends Point {
  readonly id: number
  readonly name: string
  readonly country: string
  readonly countryName: string
  /** A GeoNames feature code: `PPLC` is a capital, `PPLA` the seat of a first-order division. */
  readonly feature: string
  readonly population: number
}

export interface CityAway extends City {
  readonly distanceKm: number
}

const regions = new Intl.DisplayNames('en', { type: 'region' })

/** The English name of a country, from its ISO 3166 code. */
export const countryName = (code: string): string => regions.of(code) ?? code
