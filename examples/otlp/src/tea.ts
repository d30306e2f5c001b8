import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'

const prices: ReadonlyMap<string, number> = new Map([
  ['assam', 4.2],
  ['oolong', 7.5],
  ['sencha', 6.1],
])

/** Of 100 g, in euros, as from a database. */
export const findPrice = async (tea: string): Promise<number | undefined> => {
  await setImmediate()
  if (tea === 'coffee') throw new TypeError('That is no tea')
  return prices.get(tea)
}

const answer = z.object({ price: z.number() })

/** @param body what a shop answers who is asked for a price */
export const priceIn = (body: unknown): number => answer.parse(body).price
