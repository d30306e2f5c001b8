import { Readable } from 'node:stream'
import { byteLengthOf, HeaderMap, type Reply } from '@millrace/core'
import {
  CapturedBody,
  CapturedReply,
  describes,
  type HostResponse,
  ownReason,
  readFields,
  standFields,
  writeFields,
} from '@millrace/node'
import type { KoaContext } from './host.ts'

/** What `ctx` says after the handlers, as a reply; Koa still writes it, so only what a layer changed is put back. */
export class KoaReply extends CapturedReply {
  readonly #ctx: KoaContext
  /** The stream that Koa will send, where there is one: shown to those who look at the body. */
  #stream: CapturedBody | undefined

  constructor(ctx: KoaContext) {
    super(ctx.status, ownReason(ctx.res), {
      readFields: () => fieldsOf(ctx),
      readBody: () => {
        const body = bodyOf(ctx)
        if (body === null || body instanceof Uint8Array) return body
        this.#stream = new CapturedBody(ignore, ignore, body)
        return this.#stream
      },
    })
    this.#ctx = ctx
  }

  get stream(): CapturedBody | undefined {
    return this.#stream
  }

  /** Puts back what was changed. */
  writeBack(): void {
    if (this.bodyChanged) say(this.#ctx, this, this.headers)
    else if (this.headChanged) {
      const ctx = this.#ctx
      if (ctx.status !== this.status) ctx.status = this.status
      if (this.reason) ctx.res.statusMessage = this.reason
      const before = fieldsOf(ctx)
      // Koa counts again, for HEAD, what is not a stream.
      if (ctx.method === 'HEAD' && before.has('content-length') && !this.headers.has('content-length'))
        ctx.body = Readable.from([])
      changeFields(ctx.res, before, this.headers)
    }
  }
}

/** Makes `ctx` say a reply of a layer's, where no handler has run. */
export const sayFirst = (ctx: KoaContext, reply: Reply): void => {
  const { res, response } = ctx
  const { status, reason, headers } = reply
  const body = empty.has(status) ? null : bodyFor(reply)
  // No body brings a status of its own, a body a type: each is set before what counts.
  if (body === null) ctx.body = null
  ctx.status = status
  if (reason) res.statusMessage = reason
  standFields(res, headers)
  if (body === null) return
  // All that Koa would do besides is to look whether it has a type, and to set its length.
  if (Buffer.isBuffer(body) && describes(headers, body.byteLength) && isNothing(response._body)) {
    response._body = body
    return
  }
  const typed = res.getHeader('content-type') !== undefined
  ctx.body = body
  if (!typed) res.removeHeader('Content-Type')
  if (byteLengthOf(reply.body) === undefined) res.removeHeader('Content-Length')
}

const isNothing = (body: unknown): boolean => body === undefined || body === null

/** Makes `ctx` say a reply of a layer's, on top of the fields that stood there before the handlers. */
export const sayReply = (ctx: KoaContext, reply: Reply, preset: HeaderMap): void => {
  const fields = preset.clone()
  for (const [name] of reply.headers) fields.delete(name)
  for (const [name, value] of reply.headers) fields.append(name, value)
  say(ctx, reply, fields)
}

const bodyFor = ({ body }: Reply): Buffer | Readable | null => {
  if (body === null || Buffer.isBuffer(body)) return body
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return Readable.from(body, { objectMode: false })
}

const say = (ctx: KoaContext, reply: Reply, fields: HeaderMap): void => {
  const { status, reason, body } = reply
  ctx.body = bodyFor(reply)
  ctx.status = status
  if (reason) ctx.res.statusMessage = reason
  const length = byteLengthOf(body)
  if (length === undefined) fields.delete('content-length')
  else fields.set('content-length', length)
  writeFields(ctx.res, fields)
}

const empty = new Set([204, 205, 304])

/** Only what was changed: some fields Koa will set itself, and middleware further out is not to see them before. */
const changeFields = (res: HostResponse, before: HeaderMap, after: HeaderMap): void => {
  for (const [name] of before) if (!after.has(name)) res.removeHeader(name)
  for (const [name] of after) {
    const lines = after.getAll(name)
    if (lines.join('\n') !== before.getAll(name).join('\n'))
      res.setHeader(name, lines.length === 1 ? lines.join() : lines)
  }
}

/** The fields as Koa will send them: a few are set only when it does. */
const fieldsOf = (ctx: KoaContext): HeaderMap => {
  const fields = readFields(ctx.res)
  if (empty.has(ctx.status)) return fields
  const { body } = ctx
  if (body === null || body === undefined) {
    if (ctx.method !== 'HEAD' && !ctx.response._explicitNullBody)
      fields
        .set('Content-Type', 'text/plain; charset=utf-8')
        .set('Content-Length', Buffer.byteLength(messageOf(ctx)))
  } else if (isJson(body) && !fields.has('content-length'))
    fields.set('Content-Length', Buffer.byteLength(JSON.stringify(body)))
  return new HeaderMap(fields.raw)
}

/** The bytes that Koa will send for what stands in `ctx.body`. */
const bodyOf = (ctx: KoaContext): Uint8Array | AsyncIterable<Uint8Array> | null => {
  const { body } = ctx
  if (empty.has(ctx.status) || ctx.method === 'HEAD') return null
  if (body === null || body === undefined)
    return ctx.response._explicitNullBody ? null : Buffer.from(messageOf(ctx))
  if (typeof body === 'string') return Buffer.from(body)
  if (Buffer.isBuffer(body)) return body
  if (body instanceof Readable) return body
  if (body instanceof ReadableStream) return body
  if (body instanceof Blob) return body.stream()
  if (body instanceof Response) return body.body ?? null
  if (isPipeable(body)) return Readable.from(new Readable().wrap(body), { objectMode: false })
  return Buffer.from(JSON.stringify(body))
}

/** Whether a body is there as a whole: no code of a handler's will be asked for more of it. */
export const isWhole = (body: unknown): boolean =>
  body === null || body === undefined || typeof body === 'string' || Buffer.isBuffer(body) || isJson(body)

const isJson = (body: unknown): boolean =>
  typeof body !== 'string' &&
  !Buffer.isBuffer(body) &&
  !(body instanceof ReadableStream) &&
  !(body instanceof Blob) &&
  !(body instanceof Response) &&
  !isPipeable(body)

const isPipeable = (body: unknown): body is NodeJS.ReadableStream =>
  typeof body === 'object' && body !== null && 'pipe' in body && typeof body.pipe === 'function'

const messageOf = (ctx: KoaContext): string =>
  (ctx.req.httpVersionMajor ?? 1) >= 2 ? String(ctx.status) : ctx.message || String(ctx.status)

const ignore = (): void => undefined
