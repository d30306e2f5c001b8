import { ServerResponse } from 'node:http'
import { HeaderMap, sameName, systemClock } from '@millrace/core'
import { isKept, readFields } from './fields.ts'
import type { HostResponse } from './host.ts'
import { show } from './shown.ts'

declare module 'node:http' {
  interface OutgoingMessage {
    /** Renders the head; the last thing that `writeHead` does. */
    _storeHeader(statusLine: string, fields: unknown): void
    _headerSent: boolean
    _contentLength: number | null
    _removedConnection: boolean
    _defaultKeepAlive: boolean
    _keepAliveTimeout: number
    _maxRequestsPerSocket?: number
    maxRequestsOnConnectionReached: boolean
    _isLenientHeaderValidation?(): boolean
  }
}

/** A head as Node has rendered it, and what went into it beside the list that it is kept for. */
interface Rendered {
  readonly statusLine: string
  /** Name, value, name, value, ... of the fields that stood on the response. */
  readonly standing: readonly string[]
  /** Both together. */
  readonly fields: readonly string[]
  /** Null where there is no content to have one. */
  readonly contentLength: number | null
  readonly keepAliveTimeout: number
  readonly maxRequests: number | undefined
  readonly text: string
}

/** Of this second: in the next one `Date` is another. Bounded, as one second does not take more answers than that. */
let rendered = new Map<readonly string[], Rendered>()
let renderedAt = 0
const mostRendered = 20_000

const given: unique symbol = Symbol('millrace.given')
const listed: unique symbol = Symbol('millrace.listed')

declare module 'node:http' {
  interface ServerResponse {
    /** What its head is to say on top of what stands there. */
    [given]?: HeaderMap | undefined
    /** The list for which its head is remembered. */
    [listed]?: readonly string[] | undefined
  }
}

/**
 * Writes a head by Node's own `writeHead`, which takes the text from the last answer with the same list where it would
 * come out the same: checking, rendering and joining five fields is a tenth of the work of a small answer.
 *
 * @param writeHead Node's, or what stands for it
 */
export const writeRendered = (
  res: ServerResponse,
  writeHead: ServerResponse['writeHead'],
  status: number,
  fields: HeaderMap,
): void => {
  res[given] = fields
  // A list made for this one answer will not come again.
  res[listed] = fields.shared ? fields.raw : undefined
  res._storeHeader = storeHeader
  writeHead.call(res, status)
}

/**
 * The same for a head that the host is going to write, of fields that stand on the response.
 *
 * @param fields those that a layer gave for it
 */
export const rememberHead = (res: HostResponse, fields: HeaderMap): void => {
  if (!(res instanceof ServerResponse) || !fields.shared) return
  res[given] = nothing
  res[listed] = fields.raw
  res._storeHeader = storeHeader
}

const nothing = new HeaderMap()

const render = ServerResponse.prototype._storeHeader

function storeHeader(this: ServerResponse, statusLine: string, standing: unknown): void {
  const own = this[given]
  const list = this[listed]
  this[given] = undefined
  this[listed] = undefined
  if (!own) {
    render.call(this, statusLine, standing)
    return
  }
  const second = Math.floor(systemClock.now() / 1000)
  if (second !== renderedAt || rendered.size >= mostRendered) {
    rendered = new Map()
    renderedAt = second
  }
  const last = list && rendered.get(list)
  if (last?.statusLine === statusLine && isSame(last, this, standing)) {
    this._contentLength = last.contentLength
    this._header = last.text
    this._headerSent = false
    if (own !== nothing) show(this, last.fields)
    return
  }
  const before = readFields(this)
  const fields = own === nothing ? before.raw : merge(before, own)
  const usual = isUsual(this) && !this._isLenientHeaderValidation?.()
  render.call(this, statusLine, own === nothing ? standing : fields)
  if (own !== nothing) show(this, fields)
  const contentLength = usual && isUsual(this) ? lengthIn(fields, this) : undefined
  if (list === undefined || contentLength === undefined || this._header === null) return
  rendered.set(list, {
    statusLine,
    standing: before.raw,
    fields,
    contentLength,
    keepAliveTimeout: this._keepAliveTimeout,
    maxRequests: this._maxRequestsPerSocket,
    text: this._header,
  })
}

/** Whether nothing about the connection and the framing is out of the ordinary. */
const isUsual = (res: ServerResponse): boolean =>
  res.sendDate &&
  res.shouldKeepAlive &&
  res._defaultKeepAlive &&
  !res.maxRequestsOnConnectionReached &&
  !res._removedConnection &&
  !res.chunkedEncoding

/** Whether Node ends an answer that has neither content nor a length without ending the connection. */
const isFramed = (res: ServerResponse): boolean => res.statusCode === 304 && res.useChunkedEncodingByDefault

const isSame = (last: Rendered, res: ServerResponse, standing: unknown): boolean => {
  if (!isUsual(res)) return false
  // Without a length the connection's end may have to tell.
  if (last.contentLength === null && !isFramed(res)) return false
  if (last.keepAliveTimeout !== res._keepAliveTimeout || last.maxRequests !== res._maxRequestsPerSocket)
    return false
  let i = 0
  if (isKept(standing)) {
    for (const name in standing) {
      const field = standing[name]
      if (!Array.isArray(field) || field[0] !== last.standing[i] || field[1] !== last.standing[i + 1])
        return false
      i += 2
    }
  }
  return i === last.standing.length
}

/** A field of the list takes the place of one that stands, as `setHeader` puts it. */
const merge = (standing: HeaderMap, own: HeaderMap): readonly string[] => {
  if (areDistinct(standing.raw, own.raw)) {
    return standing.raw.length === 0 ? own.raw : [...standing.raw, ...own.raw]
  }
  const fields: string[] = []
  const add = (from: readonly string[], name: string): void => {
    for (let i = 0; i < from.length; i += 2)
      if (sameName(from[i] ?? '', name)) fields.push(from[i] ?? '', from[i + 1] ?? '')
  }
  const names = new Set([...standing, ...own].map(([name]) => name.toLowerCase()))
  for (const name of names) add(own.has(name) ? own.raw : standing.raw, name)
  return fields
}

/** Whether no name stands twice, which is nearly always so. */
const areDistinct = (a: readonly string[], b: readonly string[]): boolean => {
  for (let i = 0; i < b.length; i += 2) {
    const name = b[i] ?? ''
    for (let j = 0; j < i; j += 2) if (sameName(b[j] ?? '', name)) return false
    for (let j = 0; j < a.length; j += 2) if (sameName(a[j] ?? '', name)) return false
  }
  return true
}

/** Fields that say something about the connection or the framing, other than a length. */
const special = /^(?:connection|keep-alive|transfer-encoding|trailer|expect|upgrade)$/i

/** @returns undefined when the head may have had side effects on the response */
const lengthIn = (fields: readonly string[], res: ServerResponse): number | null | undefined => {
  let length: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (special.test(name)) return undefined
    if (sameName(name, 'content-length')) length = fields[i + 1]
  }
  if (length !== undefined) return Number(length)
  return isFramed(res) ? null : undefined
}
