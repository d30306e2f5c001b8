import type { ServerResponse } from 'node:http'
import { HeaderMap, sameName } from '@millrace/core'

const shown: unique symbol = Symbol('millrace.shown')

declare module 'node:http' {
  interface ServerResponse {
    /** The fields of the head that was sent, as a flat list. */
    [shown]?: readonly string[]
  }
}

/**
 * Shows fields that were sent without having been set to whoever looks at the response afterwards, as loggers do
 * (morgan's `:res[content-length]`). The functions are shared: nothing is made for a response.
 */
export const show = (res: ServerResponse, fields: readonly string[]): void => {
  res[shown] = fields
  res.getHeader = getHeader
  res.getHeaders = getHeaders
  res.getHeaderNames = getHeaderNames
  res.getRawHeaderNames = getRawHeaderNames
  res.hasHeader = hasHeader
}

function getHeader(this: ServerResponse, name: string): string | string[] | undefined {
  const lines = [...new HeaderMap(this[shown]).getAll(name)]
  return lines.length > 1 ? lines : lines[0]
}

function hasHeader(this: ServerResponse, name: string): boolean {
  return new HeaderMap(this[shown]).has(name)
}

function getRawHeaderNames(this: ServerResponse): string[] {
  const names: string[] = []
  for (const [i, name] of (this[shown] ?? []).entries())
    if (i % 2 === 0 && !names.some((known) => sameName(known, name))) names.push(name)
  return names
}

function getHeaderNames(this: ServerResponse): string[] {
  return this.getRawHeaderNames().map((name) => name.toLowerCase())
}

function getHeaders(this: ServerResponse): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null)
  for (const name of this.getHeaderNames()) {
    fields[name] = Reflect.apply(getHeader, this, [name]) ?? ''
  }
  return fields
}
