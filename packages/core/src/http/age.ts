import { deltaSeconds } from './cache-control.ts'

/**
 * Reads an `Age` field (RFC 9111 section 5.1). Of a list the first member counts.
 *
 * @returns seconds, at most 2^31; undefined when it is absent or no whole number, and is to be ignored
 */
export const parseAge = (field: string | undefined): number | undefined =>
  field === undefined ? undefined : deltaSeconds(/^[\t ,]*(\d+)[\t ]*(?:,|$)/.exec(field)?.[1])
