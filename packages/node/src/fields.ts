import { OutgoingMessage, ServerResponse } from 'node:http'
import { HeaderMap, sameName } from '@millrace/core'
import type { HostResponse } from './host.ts'

declare module 'node:http' {
  interface OutgoingMessage {
    getRawHeaderNames(): string[]
  }
}

/** Where Node keeps what stands on a response; by its methods the same takes five times as long. */
const kept = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === 'kOutHeaders',
)

/** A response that somebody else answers for is asked. */
const { getHeader } = ServerResponse.prototype

/** By lower-case name `[name, value]`. */
type Kept = Readonly<Record<string, unknown>>

export const isKept = (value: unknown): value is Kept => typeof value === 'object' && value !== null

/** The fields that stand on a response, in order, in the case in which they were set. */
export const readFields = (res: HostResponse): HeaderMap => {
  const raw: string[] = []
  if (!(res instanceof ServerResponse)) {
    for (const name of res.getHeaderNames()) push(raw, name, res.getHeader(name))
  } else if (kept === undefined || res.getHeader !== getHeader) {
    for (const name of res.getRawHeaderNames()) push(raw, name, res.getHeader(name))
  } else {
    const fields: unknown = Reflect.get(res, kept)
    if (isKept(fields)) {
      for (const name in fields) {
        const field = fields[name]
        if (Array.isArray(field)) push(raw, String(field[0]), field[1])
      }
    }
  }
  return new HeaderMap(raw)
}

/** Makes the fields on a response those of the map: order kept where a field stays. */
export const writeFields = (res: HostResponse, fields: HeaderMap): void => {
  for (const name of res.getHeaderNames()) if (!fields.has(name)) res.removeHeader(name)
  addFields(res, fields)
}

/** Sets the map's fields; others on the response stay. */
export const addFields = (res: HostResponse, fields: HeaderMap): void => {
  const { raw } = fields
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    if (stands(raw, name, 0, i)) continue
    const several = stands(raw, name, i + 2, raw.length)
    res.setHeader(name, several ? fields.getAll(name) : (raw[i + 1] ?? ''))
  }
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
