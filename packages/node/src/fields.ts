import { ServerResponse } from 'node:http'
import { HeaderMap, sameName } from '@millrace/core'
import type { HostResponse } from './host.ts'
import { type Kept, keptOn } from './late-fields.ts'

declare module 'node:http' {
  interface OutgoingMessage {
    getRawHeaderNames(): string[]
  }
}

/** A response that somebody else answers for is asked. */
const { getHeader } = ServerResponse.prototype

/** The fields that stand on a response, in order, in the case in which they were set. */
export const readFields = (res: HostResponse): HeaderMap => {
  const raw: string[] = []
  if (!(res instanceof ServerResponse)) {
    for (const name of res.getHeaderNames()) push(raw, name, res.getHeader(name))
    return new HeaderMap(raw)
  }
  const kept = res.getHeader === getHeader ? keptOn(res) : undefined
  if (kept !== undefined) return new HeaderMap(kept === null ? [] : listOf(kept))
  for (const name of res.getRawHeaderNames()) push(raw, name, res.getHeader(name))
  return new HeaderMap(raw)
}

/** Node's own record of them as a flat list. */
export const listOf = (kept: Kept): readonly string[] => {
  const raw: string[] = []
  for (const name in kept) {
    const field = kept[name]
    if (Array.isArray(field)) push(raw, String(field[0]), field[1])
  }
  return raw
}

/** Makes the fields on a response those of the map: order kept where a field stays. */
export const writeFields = (res: HostResponse, fields: HeaderMap): void => {
  for (const name of res.getHeaderNames()) if (!fields.has(name)) res.removeHeader(name)
  addFields(res, fields, recordOf(res))
}

/** Node's own record of what stands on a response, where nobody else answers for it. */
const recordOf = (res: HostResponse): Kept | undefined =>
  res instanceof ServerResponse && res.getHeader === getHeader ? (keptOn(res) ?? undefined) : undefined

/**
 * Sets the map's fields; others on the response stay.
 *
 * @param standing what need not be set again, which costs as much as to set it
 */
export const addFields = (res: HostResponse, fields: HeaderMap, standing?: Kept): void => {
  const { raw } = fields
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    if (stands(raw, name, 0, i)) continue
    const several = stands(raw, name, i + 2, raw.length)
    if (!several && isStanding(standing, name, raw[i + 1])) continue
    res.setHeader(name, several ? fields.getAll(name) : (raw[i + 1] ?? ''))
  }
}

const isStanding = (standing: Kept | undefined, name: string, value: string | undefined): boolean => {
  const field = standing?.[name.toLowerCase()]
  return Array.isArray(field) && field[0] === name && field[1] === value
}

const stands = (raw: readonly string[], name: string, from: number, to: number): boolean => {
  for (let i = from; i < to; i += 2) if (sameName(raw[i] ?? '', name)) return true
  return false
}

/** What HTTP/2's `writeHead` does with the fields it is given: they stand on the response then, those of a list last. */
export const giveFields = (res: HostResponse, given: unknown): void => {
  if (Array.isArray(given)) {
    const fields = mergeFields(new HeaderMap(), given)
    for (const [name] of fields) res.removeHeader(name)
    addFields(res, fields)
  } else if (typeof given === 'object' && given !== null) {
    for (const [name, value] of Object.entries(given)) res.setHeader(name, value)
  }
}

/** The fields of a `writeHead(status, reason?, fields?)` on top of those that stand on the response. */
export const mergeFields = (standing: HeaderMap, given: unknown): HeaderMap => {
  if (typeof given !== 'object' || given === null) return standing
  const fields = standing.clone()
  const lines: [string, unknown][] = Array.isArray(given) ? pairs(given) : Object.entries(given)
  for (const [name] of lines) fields.delete(name)
  for (const [name, value] of lines) {
    const raw: string[] = []
    push(raw, name, value)
    for (let i = 1; i < raw.length; i += 2) fields.append(name, raw[i] ?? '')
  }
  return new HeaderMap(fields.raw)
}

const pairs = (given: readonly unknown[]): [string, unknown][] => {
  const out: [string, unknown][] = []
  if (given.every(Array.isArray)) for (const [name, value] of given) out.push([String(name), value])
  else for (let i = 0; i < given.length; i += 2) out.push([String(given[i]), given[i + 1]])
  return out
}

const push = (raw: string[], name: string, value: unknown): void => {
  if (Array.isArray(value)) for (const line of value) raw.push(name, String(line))
  else if (value !== undefined) raw.push(name, String(value))
}
