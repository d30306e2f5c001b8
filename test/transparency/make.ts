import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Made, Pace, Value } from './program.ts'
import type { Run } from './run.ts'

/** A value as the handler gives it. */
export const make = (value: Value, run: Run): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((each) => make(each, run))
  if (isMade(value)) return build(value, run)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, make(each, run)]))
}

const isMade = (value: object): value is Made => 'make' in value

const build = (made: Made, run: Run): unknown => {
  switch (made.make) {
    case 'callback':
      return run.callback(made.name)
    case 'bytes': {
      const bytes = Buffer.from(made.text)
      if (made.as === 'buffer') return bytes
      const copy = new Uint8Array(bytes)
      return made.as === 'uint8array' ? copy : new DataView(copy.buffer)
    }
    case 'filled':
      return made.as === 'string' ? 'x'.repeat(made.size) : Buffer.alloc(made.size, 'x')
    case 'stream':
      return source(run, made.chunks, made.pace, made.fails)
    case 'webstream':
      return new ReadableStream({
        start(controller) {
          for (const chunk of made.chunks) controller.enqueue(Buffer.from(chunk))
          controller.close()
        },
      })
    case 'blob':
      return new Blob([made.text], made.type === undefined ? {} : { type: made.type })
    case 'response':
      return new Response(made.text, { status: made.status, headers: { 'x-response': 'yes' } })
    case 'error':
      return failure(made.message, made.status)
    case 'file':
      return join(import.meta.dirname, 'files', made.name)
    case 'headers':
      return new Headers(made.fields)
    case 'formatters':
      return formatters(run)
    case 'symbol':
      return Symbol('nonsense')
  }
}

/** Express's `res.format` takes functions. */
const formatters = (run: Run): Readonly<Record<string, () => void>> => ({
  'text/plain': () => run.send('plain'),
  'text/html': () => run.send('<p>html</p>'),
  'application/json': () => run.send('{"is":"json"}'),
})

class Failure extends Error {
  readonly status: number | undefined
  readonly expose: boolean

  constructor(message: string, status: number | undefined) {
    super(message)
    // What is on the stack between is not the same with a Millrace as without, and error pages print it.
    this.stack = `Error: ${message}`
    this.status = status
    this.expose = status !== undefined && status < 500
  }
}

const failure = (message: string, status: number | undefined): Error => new Failure(message, status)

/** A stream of chunks. */
export const source = (run: Run, chunks: readonly string[], pace: Pace, fails = false): Readable => {
  let at = 0
  return new Readable({
    read() {
      const step = (): void => {
        const chunk = chunks[at++]
        if (chunk !== undefined) this.push(Buffer.from(chunk))
        else if (fails) this.destroy(failure('the source broke', undefined))
        else this.push(null)
      }
      if (pace === 'sync') void run.sync().then(step)
      else step()
    },
  })
}
