import { batcher } from '@millrace/batch'
import express, { type Express } from 'express'
import type { City, Country, Database } from './database.ts'

/** How an app gets at a country, which is all that differs between before and after. */
type FindCountry = (code: string) => Promise<Country | undefined>

/** One query for each call. */
export const oneByOne =
  (database: Database): FindCountry =>
  (code) =>
    database.country(code)

/** One query for all calls of a tick, from whichever requests they come; each country once. */
export const together = (database: Database): FindCountry =>
  batcher(async (codes: readonly string[]) => {
    const byCode = new Map((await database.countries(codes)).map((country) => [country.code, country]))
    return codes.map((code) => byCode.get(code))
  })

export function createApp(database: Database, findCountry: FindCountry): Express {
  const app = express()

  app.get('/cities', async (req, res) => {
    const cities = await database.cities(Number(req.query['limit'] ?? 100))
    res.json(await Promise.all(cities.map(withCountry)))
  })

  const withCountry = async (city: City) => ({ ...city, country: await findCountry(city.country) })

  return app
}
