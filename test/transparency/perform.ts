import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { pipeline, Readable, type Writable } from 'node:stream'
import { pipeline as pipelineWith } from 'node:stream/promises'
import { make, source } from './make.ts'
import { describe } from './outcome.ts'
import type { Op, Target } from './program.ts'
import type { Run } from './run.ts'

/** What a handler was given. */
export interface Scene {
  readonly req: IncomingMessage | Http2ServerRequest
  readonly res: ServerResponse | Http2ServerResponse
  readonly ctx?: object
  readonly next?: (with_?: unknown) => unknown
}

/**
 * Does a program's steps on a response. Steps follow each other at once, until one has to wait: so an error is thrown
 * to the caller as a handler would that is no async function, and afterwards rejects.
 */
export const perform = (ops: readonly Op[], scene: Scene, run: Run): Promise<void> | undefined => {
  const from = (at: number): Promise<void> | undefined => {
    for (let i = at; i < ops.length; i++) {
      const op = ops[i]
      if (!op) break
      const waiting = step(op, scene, run)
      if (!waiting || op.op !== 'wait') note(op, scene, run)
      if (waiting) {
        return waiting.then(() => {
          if (op.op === 'wait') note(op, scene, run)
          return from(i + 1)
        })
      }
    }
    return undefined
  }
  return from(0)
}

const step = (op: Op, scene: Scene, run: Run): Promise<unknown> | undefined => {
  switch (op.op) {
    case 'call':
      attempt(run, `${op.on}.${op.method}`, op.loose, () => {
        const target = targetOf(scene, op.on)
        const method: unknown = target && Reflect.get(target, op.method)
        if (typeof method !== 'function') return 'no such method'
        const result: unknown = Reflect.apply(
          method,
          target,
          op.args.map((arg) => make(arg, run)),
        )
        if (op.method === 'write') run.flowing = result !== false
        if (result === target) return 'itself'
        return result instanceof Promise ? 'a promise' : describe(result)
      })
      return
    case 'set':
      attempt(run, `${op.on}.${op.name} =`, op.loose, () => {
        const target = targetOf(scene, op.on)
        if (target) Reflect.set(target, op.name, make(op.value, run))
        return ''
      })
      return
    case 'get':
      attempt(run, `${op.on}.${op.name}`, false, () => {
        const target = targetOf(scene, op.on)
        return describe(target && Reflect.get(target, op.name))
      })
      return
    case 'wait':
      return waitFor(op.for, scene, run)
    case 'until':
      return op.promise
    case 'pipe':
      return pipe(op, scene, run)
    case 'echo':
      if (scene.req instanceof Readable && isWritable(scene.res)) scene.req.pipe(scene.res)
      return closed(scene, run)
    case 'leave':
      run.client?.leave()
      return closed(scene, run)
    case 'fail': {
      const error = make(op.error, run)
      if (op.how === 'throw') throw error
      if (op.how === 'reject') return Promise.reject(error)
      scene.next?.(error)
      return
    }
    case 'next': {
      const result = scene.next?.(op.with)
      return result instanceof Promise ? result : undefined
    }
  }
}

const attempt = (run: Run, name: string, loose: boolean | undefined, task: () => string): void => {
  try {
    run.call(`${name}: ${task()}`)
  } catch (error) {
    run.call(`${name} throws ${describe(error)}`)
    if (loose) throw error
  }
}

const targetOf = ({ req, res, ctx }: Scene, target: Target): object | undefined => {
  switch (target) {
    case 'res':
      return res
    case 'req':
      return req
    case 'ctx':
      return ctx
    case 'socket':
    case 'stream':
    case 'response': {
      const value: unknown = Reflect.get(target === 'response' ? (ctx ?? {}) : res, target)
      return typeof value === 'object' && value !== null ? value : undefined
    }
  }
}

const isWritable = (value: object): value is Writable => 'write' in value && 'end' in value

const waitFor = (what: Extract<Op, { op: 'wait' }>['for'], scene: Scene, run: Run): Promise<unknown> => {
  switch (what) {
    case 'microtask':
      return Promise.resolve()
    case 'tick':
      return new Promise<void>((resolve) => process.nextTick(resolve))
    case 'immediate':
      return new Promise((resolve) => setImmediate(resolve))
    case 'client':
      return run.sync()
    case 'request':
      return requestOf(scene, run)
    case 'close':
      return closed(scene, run)
    case 'drain':
      return new Promise<void>((resolve) => {
        if (run.flowing || !isWritable(scene.res)) resolve()
        else {
          scene.res.once('drain', resolve)
          scene.res.once('close', resolve)
        }
      })
  }
}

const requestOf = async ({ req }: Scene, run: Run): Promise<void> => {
  if (!(req instanceof Readable)) return
  try {
    let text = ''
    for await (const chunk of req) text += String(chunk)
    run.call(`request ${text}`)
  } catch (error) {
    run.call(`request throws ${describe(error)}`)
  }
}

/** Until the response is closed, if it ever is: a program that waits in vain is over when its client has gone. */
const closed = ({ res }: Scene, run: Run): Promise<void> =>
  new Promise((resolve) => {
    if (run.closed || !isWritable(res)) resolve()
    else res.once('close', resolve)
  })

const pipe = (op: Extract<Op, { op: 'pipe' }>, { res }: Scene, run: Run): Promise<void> | undefined => {
  if (!isWritable(res)) return
  const from = source(run, op.chunks, op.pace, op.fails)
  const over = new Promise<void>((resolve) => {
    from.once('close', resolve)
    res.once('close', resolve)
  })
  from.on('error', (error) => run.event(`source error ${describe(error)}`))
  if (op.how === 'pipe') from.pipe(res, { end: op.end ?? true })
  else {
    const done = (error?: unknown): void => run.event(`pipeline ${error ? describe(error) : 'done'}`)
    if (op.end ?? true) pipeline(from, res, done)
    else pipelineWith(from, res, { end: false }).then(() => done(), done)
  }
  return over
}

/** How the response looks now. */
const note = (op: Op, { res }: Scene, run: Run): void => {
  if (op.op === 'get') return
  const read = (name: string): string => describe(Reflect.get(res, name))
  const ask = (name: string): string => {
    const method: unknown = Reflect.get(res, name)
    return typeof method === 'function' ? describe(Reflect.apply(method, res, [])) : 'none'
  }
  const message = 'getRawHeaderNames' in res ? read('statusMessage') : ''
  const looks = [
    `sent ${read('headersSent')}`,
    `ended ${read('writableEnded')} ${read('finished')}`,
    `status ${read('statusCode')} ${message}`,
    `fields ${ask('getHeaders')} ${ask('getHeaderNames')} ${ask('getRawHeaderNames')}`,
  ]
  run.call(`  ${looks.join(', ')}`)
}
