import { z } from 'zod'
import { BatchDeniedError } from '../denied.ts'
import { fault } from './fields.ts'
import { canonicalPath, isWithin } from './path.ts'
import type { Limits } from './rule.ts'

/** One request of a batch, ready to be sent. */
export interface SubRequest {
  readonly id: string
  readonly method: string
  readonly url: string
  /** Fields of its own. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  readonly dependsOn: readonly string[]
}

/** A batch as it was sent. */
export interface Batch {
  readonly requests: readonly SubRequest[]
  /** Whether it came as a bare array, and so is answered. */
  readonly isBare: boolean
}

const name = z.string().regex(/^[\w.:@-]{1,64}$/, { error: 'expected up to 64 letters, digits and ._:@-' })

const sent = z.strictObject({
  id: name.optional(),
  method: z.string().default('GET'),
  path: z.string().max(8192),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.unknown().optional(),
  encoding: z.enum(['json', 'text', 'base64']).default('json'),
  dependsOn: z.array(name).default([]),
})

type Sent = z.infer<typeof sent>

const many = z.strictObject({ requests: z.array(z.unknown()) })

const base64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

/**
 * Reads a batch, and refuses it as a whole when anything in it is not as it should be.
 *
 * @param endpoint the canonical path that batches are sent to: none of their requests may go there
 * @throws BatchDeniedError
 */
export const readBatch = (json: unknown, limits: Limits, endpoint: string | undefined): Batch => {
  const wrapped = Array.isArray(json) ? undefined : many.safeParse(json)
  if (wrapped?.success === false)
    throw new BatchDeniedError(400, 'shape', 'expected an array of requests, or { "requests": [...] }')
  const all: readonly unknown[] = Array.isArray(json) ? json : (wrapped?.data.requests ?? [])
  if (all.length > limits.max)
    throw new BatchDeniedError(413, 'count', `expected at most ${limits.max} requests, got ${all.length}`)
  const requests = all.map((each, index) => readOne(each, index, limits, endpoint))
  const ids = new Set<string>()
  for (const { id } of requests) {
    if (ids.has(id)) throw new BatchDeniedError(400, 'id', `the id "${id}" stands twice`)
    ids.add(id)
  }
  return { requests, isBare: wrapped === undefined }
}

const readOne = (given: unknown, index: number, limits: Limits, endpoint: string | undefined): SubRequest => {
  const place = `requests[${index}]`
  const deny = (why: string, text: string): never => {
    throw new BatchDeniedError(400, why, `${place}${text}`)
  }
  const read = sent.safeParse(given)
  if (!read.success) {
    const [issue] = read.error.issues
    return deny('shape', `${issue?.path.map((part) => `.${String(part)}`).join('') ?? ''}: ${issue?.message}`)
  }
  const { id = String(index), method, path, headers, dependsOn } = read.data
  if (!limits.methods.includes(method))
    deny('method', `.method: expected one of ${limits.methods.join(', ')}`)
  const canonical = canonicalPath(path)
  if (canonical === undefined)
    return deny('path', '.path: expected an absolute path of this app, in its plain spelling')
  if (endpoint !== undefined && isWithin(canonical, endpoint))
    deny('nested', '.path: a batch cannot be in a batch')
  if (!limits.paths.some((above) => isWithin(canonical, above))) deny('path', '.path: is not for batches')
  if (limits.except.some((above) => isWithin(canonical, above))) deny('path', '.path: is not for batches')
  const fields: Record<string, string> = {}
  for (const [name, text] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    const wrong = lower in fields ? 'stands twice' : fault(lower, text, limits.headers)
    if (wrong !== undefined) deny('header', `.headers[${JSON.stringify(name)}]: ${wrong}`)
    fields[lower] = text
  }
  const body = bodyOf(read.data, deny)
  if (body !== undefined && read.data.encoding === 'json') fields['content-type'] ??= 'application/json'
  return { id, method, url: path, headers: fields, body, dependsOn }
}

const bodyOf = (
  { body, encoding, method }: Sent,
  deny: (why: string, text: string) => never,
): Uint8Array | undefined => {
  if (body === undefined) return undefined
  if (method === 'GET' || method === 'HEAD') return deny('body', `.body: a ${method} has none`)
  if (encoding === 'json') return Buffer.from(JSON.stringify(body))
  if (typeof body !== 'string') return deny('body', '.body: expected a string')
  if (encoding === 'text') return Buffer.from(body)
  return base64.test(body) ? Buffer.from(body, 'base64') : deny('body', '.body: expected base64')
}
