import { z } from 'zod'
import type { Point } from './geo.ts'
import { words } from './names.ts'

export interface Search {
  readonly q?: string | undefined
  readonly near?: Point | undefined
  readonly limit: number
}

export interface Visit {
  readonly visitor: string
}

function whole(from: number, to: number): z.ZodType<number, string> {
  const error = `expected a whole number from ${from} to ${to}`
  return z
    .string({ error })
    .regex(/^\d{1,9}$/, error)
    .transform(Number)
    .refine((value) => value >= from && value <= to, error)
}

const DEGREES = /^(-?\d{1,2}(?:\.\d{1,9})?),(-?\d{1,3}(?:\.\d{1,9})?)$/

const point: z.ZodType<Point, string> = z.string().transform((text, context) => {
  const [, lat, lon] = (DEGREES.exec(text) ?? []).map(Number)
  if (lat !== undefined && lon !== undefined && Math.abs(lat) <= 90 && Math.abs(lon) <= 180)
    return { lat, lon }
  context.addIssue({ code: 'custom', message: 'expected a latitude and a longitude such as 47.37,8.54' })
  return z.NEVER
})

const name = z
  .string()
  .max(80, 'expected at most 80 characters')
  .refine((text) => words(text).length > 0, 'expected at least one letter or digit')

/** `GET /cities` */
export const searchQuery: z.ZodType<Search> = z.object({
  q: name.optional(),
  near: point.optional(),
  limit: whole(1, 100).default(10),
})

/** `/cities/:id` */
export const cityParams: z.ZodType<{ id: number }> = z.object({ id: whole(1, 999_999_999) })

/** `GET /cities/:id/neighbours` */
export const neighboursQuery: z.ZodType<{ radius: number }> = z.object({ radius: whole(1, 500).default(50) })

/** `/countries/:code` */
export const countryParams: z.ZodType<{ code: string }> = z.object({
  code: z
    .string()
    .regex(/^[a-z]{2}$/i, 'expected a two-letter code such as CH')
    .transform((code) => code.toUpperCase()),
})

/** `POST /cities/:id/visits` */
export const visitBody: z.ZodType<Visit> = z.object(
  { visitor: z.string({ error: 'expected a name' }).trim().min(1, 'expected a name').max(80) },
  { error: 'expected a JSON object such as {"visitor":"Ada"}' },
)
