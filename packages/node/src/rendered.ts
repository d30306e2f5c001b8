import { ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import { type HeaderMap, type Stem, sameName } from '@millrace/core'
import { isUntouched } from './below.ts'
import { addFields, listOf } from './fields.ts'
import type { HostResponse } from './host.ts'
import { isKept, type Kept, LateFields } from './late-fields.ts'

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

/** A head but for the stem of its fields, as Node has rendered it. */
interface Form {
  readonly statusLine: string
  /** Name, value, name, value, ... of the fields that stood on the response. */
  readonly standing: readonly string[]
  /** Of the fields after the stem. */
  readonly names: readonly string[]
  readonly keepAliveTimeout: number
  readonly maxRequests: number | undefined
  /** What Node says after all of them. */
  readonly end: string
}

/** Of the last few, so that stems that were written in the same form have one object for it. */
const forms: Form[] = []
const mostForms = 16

/** What is kept of a stem that has been written once. */
class Written {
  readonly form: Form
  /** The status line, what stood on the response, and the stem. */
  readonly text: string
  /** Null where there is no content to have one. */
  readonly contentLength: number | null
  readonly isTyped: boolean

  constructor(form: Form, text: string, contentLength: number | null, isTyped: boolean) {
    this.form = form
    this.text = text
    this.contentLength = contentLength
    this.isTyped = isTyped
  }
}

const writtenOf = (stem: Stem | undefined): Written | undefined =>
  stem?.written instanceof Written ? stem.written : undefined

const given: unique symbol = Symbol('millrace.given')

declare module 'node:http' {
  interface ServerResponse {
    /** What its head is to say on top of what stands there. */
    [given]?: LateFields | undefined
  }
}

/**
 * Writes a head by Node's own `writeHead`, which takes the text of a stem from the last answer with it where it would come out
 * the same: checking, rendering and joining five fields is a tenth of the work of a small answer.
 *
 * @param writeHead Node's, or what stands for it
 */
export const writeRendered = (
  res: ServerResponse,
  writeHead: ServerResponse['writeHead'],
  status: number,
  fields: HeaderMap,
): void => {
  const late = put(res, fields)
  if (late === undefined) addFields(res, fields)
  try {
    writeHead.call(res, status)
  } catch (error) {
    // Somebody may have something else to say instead.
    late?.withdraw()
    throw error
  }
}

/** The same for a head that the host is going to write: the fields stand on the response as if each had been set. */
export const standFields = (res: HostResponse, fields: HeaderMap): void => {
  const { stem, more } = fields
  if (stem === undefined || !(res instanceof ServerResponse) || !isUntouched(res)) {
    addFields(res, fields)
    return
  }
  const written = writtenOf(stem)
  if (written === undefined) validate(stem.raw)
  if (written === undefined || linesAs(written.form, more) === undefined) validate(more)
  if (put(res, fields) === undefined) addFields(res, fields)
}

const put = (res: ServerResponse, fields: HeaderMap): LateFields | undefined => {
  const late = LateFields.put(res, fields)
  if (late === undefined) return undefined
  res[given] = late
  res._storeHeader = storeHeader
  return late
}

const validate = (fields: readonly string[]): void => {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    validateHeaderName(name)
    validateHeaderValue(name, fields[i + 1] ?? '')
  }
}

const render = ServerResponse.prototype._storeHeader

function storeHeader(this: ServerResponse, statusLine: string, standing: unknown): void {
  const late = this[given]
  this[given] = undefined
  if (!late?.untouched) {
    render.call(this, statusLine, standing)
    return
  }
  const { own, before } = late
  const known = writtenOf(own.stem)
  if (known !== undefined && isSame(known, this, statusLine, before)) {
    const lines = linesAs(known.form, own.more)
    if (lines !== undefined) {
      this._contentLength = known.contentLength
      this._header = known.text + lines + known.form.end
      this._headerSent = false
      return
    }
  }
  const stood = before === null ? [] : listOf(before)
  const usual = isUsual(this) && !this._isLenientHeaderValidation?.()
  render.call(this, statusLine, merge(stood, own.raw))
  if (usual && isUsual(this)) remember(this, statusLine, stood, own)
}

const remember = (
  res: ServerResponse,
  statusLine: string,
  standing: readonly string[],
  { stem, more }: HeaderMap,
): void => {
  const { _header: head, _keepAliveTimeout: keepAliveTimeout, _maxRequestsPerSocket: maxRequests } = res
  if (stem === undefined || head === null) return
  const contentLength = lengthIn(stem.raw, [...standing, ...more], res)
  if (contentLength === undefined) return
  const text = statusLine + linesOf(standing) + linesOf(stem.raw)
  const all = text + linesOf(more)
  // Where a field took the place of another one, or Node writes one in another way.
  if (!head.startsWith(all)) return
  const names = more.filter((_, i) => i % 2 === 0)
  const end = head.slice(all.length)
  const form = sharedForm({ statusLine, standing, names, keepAliveTimeout, maxRequests, end })
  stem.written = new Written(form, flat(text), contentLength, fieldIn(stem.raw, 'content-type') !== undefined)
}

/** As one string of its own: what was put together of others would hold on to them, and be put together again each time. */
const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

const sharedForm = (form: Form): Form => {
  const known = forms.find(
    (each) =>
      each.statusLine === form.statusLine &&
      each.keepAliveTimeout === form.keepAliveTimeout &&
      each.maxRequests === form.maxRequests &&
      each.end === form.end &&
      areSame(each.standing, form.standing) &&
      areSame(each.names, form.names),
  )
  if (known !== undefined) return known
  if (forms.push(form) > mostForms) forms.shift()
  return form
}

const areSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each, i) => each === b[i])

const linesOf = (fields: readonly string[]): string => {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return text
}

/** What Node lets through. */
const sound = /^[\t\x20-\x7e\x80-\xff]*$/

/** What was written last after a stem: most often the next answer says the same. */
let lastMore: { readonly fields: readonly string[]; readonly form: Form; readonly text: string } | undefined

/** @returns undefined when they are others than those of the form, or Node would not write them */
const linesAs = (form: Form, fields: readonly string[]): string | undefined => {
  if (lastMore?.fields === fields && lastMore.form === form) return lastMore.text
  const { names } = form
  if (fields.length !== 2 * names.length) return undefined
  for (let i = 0; i < names.length; i++)
    if (fields[2 * i] !== names[i] || !sound.test(fields[2 * i + 1] ?? '')) return undefined
  const text = linesOf(fields)
  lastMore = { fields, form, text }
  return text
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

const isSame = (
  { form, contentLength }: Written,
  res: ServerResponse,
  statusLine: string,
  before: Kept | null,
): boolean => {
  if (form.statusLine !== statusLine || !isUsual(res)) return false
  // Without a length the connection's end may have to tell.
  if (contentLength === null && !isFramed(res)) return false
  if (form.keepAliveTimeout !== res._keepAliveTimeout || form.maxRequests !== res._maxRequestsPerSocket)
    return false
  const { standing } = form
  let i = 0
  if (isKept(before)) {
    for (const name in before) {
      const field = before[name]
      if (!Array.isArray(field) || field[0] !== standing[i] || field[1] !== standing[i + 1]) return false
      i += 2
    }
  }
  return i === standing.length
}

/** A field of the list takes the place of one that stands, as `setHeader` puts it. */
const merge = (standing: readonly string[], own: readonly string[]): readonly string[] => {
  if (areDistinct(standing, own)) return standing.length === 0 ? own : [...standing, ...own]
  const fields: string[] = []
  const has = (from: readonly string[], name: string): boolean =>
    from.some((each, i) => i % 2 === 0 && sameName(each, name))
  const add = (from: readonly string[], name: string): void => {
    for (let i = 0; i < from.length; i += 2)
      if (sameName(from[i] ?? '', name)) fields.push(from[i] ?? '', from[i + 1] ?? '')
  }
  const all = [...standing, ...own].filter((_, i) => i % 2 === 0)
  for (const name of new Set(all.map((each) => each.toLowerCase())))
    add(has(own, name) ? own : standing, name)
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

/** Of these the stem's are to count. */
const ofTheStem = /^(?:content-length|date)$/i

/** @returns undefined when the head may have had side effects on the response, or is another in the next second */
const lengthIn = (
  stem: readonly string[],
  others: readonly string[],
  res: ServerResponse,
): number | null | undefined => {
  const isNamed = (fields: readonly string[], names: RegExp): boolean =>
    fields.some((each, i) => i % 2 === 0 && names.test(each))
  if (isNamed(stem, special) || isNamed(others, special) || isNamed(others, ofTheStem)) return undefined
  if (fieldIn(stem, 'date') === undefined) return undefined
  const length = fieldIn(stem, 'content-length')
  if (length !== undefined) return Number(length)
  return isFramed(res) ? null : undefined
}

const fieldIn = (fields: readonly string[], name: string): string | undefined => {
  const at = fields.findIndex((each, i) => i % 2 === 0 && sameName(each, name))
  return at < 0 ? undefined : fields[at + 1]
}

/** Whether a length is among them, without a look at all of them where that is known. */
export const hasLength = (fields: HeaderMap): boolean =>
  typeof writtenOf(fields.stem)?.contentLength === 'number' || fields.has('Content-Length')

/** The same for the type and the length of a body. */
export const describes = (fields: HeaderMap, length: number): boolean => {
  const written = writtenOf(fields.stem)
  if (written !== undefined) return written.isTyped && written.contentLength === length
  return fields.has('Content-Type') && fields.get('Content-Length') === String(length)
}
