import { STATUS_CODES } from 'node:http'
import { ZodError } from 'zod'
import { NotFound } from './cities.ts'

/** What an app answers when it cannot: problem details for HTTP APIs, RFC 9457. */
export interface Problem {
  readonly title: string
  readonly status: number
  readonly detail: string
}

/** The media type of a problem. */
export const PROBLEM_TYPE = 'application/problem+json'

/** The problem that an error is to the client. An error that is not the client's fault tells nothing of itself. */
export function problem(error: unknown): Problem {
  if (error instanceof NotFound) return describe(404, error.message)
  if (error instanceof ZodError) {
    return describe(400, error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; '))
  }
  // The frameworks and their body parsers say with a status whose fault it is.
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') {
    if (error.status >= 400 && error.status < 500) return describe(error.status, error.message)
  }
  return describe(500, 'The server could not answer this request')
}

const describe = (status: number, detail: string): Problem => ({
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
})
