import { randomUUID } from 'node:crypto'
import { parseAccept, sameName } from '@millrace/core'
import type { Answer } from './answer.ts'

/** How a batch is answered. `ndjson`: each answer when it is there; the others in order. */
export type Format = 'json' | 'ndjson' | 'multipart'

const types: ReadonlyMap<string, Format> = new Map([
  ['application/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['multipart/mixed', 'multipart'],
  ['application/*', 'json'],
  ['multipart/*', 'multipart'],
  ['*/*', 'json'],
])

/** What the client likes best (RFC 9110 section 12.5.1); undefined where it takes nothing that there is. */
export const formatFor = (accept: string | undefined): Format | undefined => {
  if (accept === undefined || accept === '') return 'json'
  let best: Format | undefined
  let most = 0
  for (const { value, quality } of parseAccept(accept)) {
    const format = types.get(value.split(';', 1)[0] ?? '')
    if (format === undefined || quality <= most) continue
    best = format
    most = quality
  }
  return best
}

/** Of the connection, or of the bytes as they would have gone over one (RFC 9110 section 7.6.1). */
const ofMessage: readonly string[] = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'trailer',
  'upgrade',
  'content-length',
]

const isOfMessage = (name: string): boolean => ofMessage.some((each) => sameName(each, name))

/** As a JSON object: a body of JSON as it is, text as a string, anything else in base64. */
export const jsonOf = ({ id, status, headers, body }: Answer): string => {
  const fields: Record<string, string | string[]> = {}
  const { raw } = headers
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const line = raw[i + 1] ?? ''
    if (isOfMessage(name)) continue
    const before = fields[name]
    if (before === undefined) fields[name] = line
    else if (name !== 'set-cookie') fields[name] = `${before}, ${line}`
    else fields[name] = typeof before === 'string' ? [before, line] : [...before, line]
  }
  const head = `{"id":${JSON.stringify(id)},"status":${status},"headers":${JSON.stringify(fields)}`
  if (body === null || body.byteLength === 0) return `${head}}`
  return `${head},${contentOf(body, headers.get('content-type'), headers.has('content-encoding'))}}`
}

const json = /^application\/(?:[^;\s]+\+)?json\b/i
const text = /^text\/|^application\/(?:javascript|xml|x-www-form-urlencoded|[^;\s]+\+xml)\b/i
const otherCharset = /;\s*charset=(?!"?utf-8)/i

const contentOf = (body: Uint8Array, type: string | undefined, isEncoded: boolean): string => {
  if (!isEncoded && type !== undefined && !otherCharset.test(type) && (json.test(type) || text.test(type))) {
    try {
      const decoded = utf8.decode(body)
      // As the handler wrote it, once it is known to be JSON: to write it anew might change a number.
      if (json.test(type)) {
        JSON.parse(decoded)
        return `"body":${decoded.replace(/[\r\n]+/g, ' ')}`
      }
      return `"encoding":"text","body":${JSON.stringify(decoded)}`
    } catch {
      // Not what it says that it is.
    }
  }
  return `"encoding":"base64","body":"${Buffer.from(body).toString('base64')}"`
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The answers in one JSON document. */
export const document = (answers: readonly Answer[], isBare: boolean): string => {
  const all = `[${answers.map(jsonOf).join()}]`
  return isBare ? all : `{"responses":${all}}`
}

/** The answers as parts, each an HTTP response (RFC 2046 section 5.1.3, RFC 9112 section 10.1). */
export class Multipart {
  /** Nobody can have written it into a body before. */
  readonly boundary: string = `batch-${randomUUID()}`

  get type(): string {
    return `multipart/mixed; boundary=${this.boundary}`
  }

  part({ id, status, reason, headers, body }: Answer): Uint8Array {
    const lines = [
      `--${this.boundary}`,
      'Content-Type: application/http',
      'Content-Transfer-Encoding: binary',
      `Content-ID: <response-${id}>`,
      '',
      `HTTP/1.1 ${status} ${reason ?? ''}`,
    ]
    for (const [name, value] of headers) if (!isOfMessage(name)) lines.push(`${name}: ${value}`)
    lines.push(`Content-Length: ${body?.byteLength ?? 0}`, '', '')
    const head = Buffer.from(lines.join('\r\n'), 'latin1')
    return Buffer.concat([head, body ?? none, end])
  }

  close(): Uint8Array {
    return Buffer.from(`--${this.boundary}--\r\n`)
  }
}

const none = new Uint8Array()
const end = Buffer.from('\r\n')
