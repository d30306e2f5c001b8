import { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { isWriting } from './front.ts'
import type { HostResponse } from './host.ts'
import { LateHead } from './late-head.ts'

/**
 * What a handler sees that writes after a layer has answered: a response of its own that takes everything and sends
 * nothing, with events of its own. Calls that are part of sending the real answer go through.
 */
export const seal = (res: HostResponse): void => {
  res.on('unpipe', giveUp)
  const head = new LateHead(res)
  const events = new EventEmitter()
  let ended = false
  let finished = false

  const callBack = (args: readonly unknown[]): void => {
    const callback = args.findLast((arg) => typeof arg === 'function')
    if (typeof callback === 'function') process.nextTick(() => callback())
  }
  const finish = (): void => {
    finished = true
    for (const event of ['prefinish', 'finish', 'close']) events.emit(event)
  }

  override(res, {
    ...head.methods,
    write(...args: unknown[]) {
      head.sent = true
      callBack(args)
      return true
    },
    end(...args: unknown[]) {
      head.sent = true
      callBack(args)
      if (!ended) process.nextTick(finish)
      ended = true
      return res
    },
    addTrailers: () => undefined,
    cork: () => undefined,
    uncork: () => undefined,
    // The connection is the client's, who has had an answer; it is not the late handler's to close.
    destroy: () => res,
    writeContinue: (...args: unknown[]) => callBack(args),
    writeProcessing: (...args: unknown[]) => callBack(args),
    writeEarlyHints: (...args: unknown[]) => callBack(args),
    writeInformation: (...args: unknown[]) => callBack(args),
    ...Object.fromEntries(listening.map((name) => [name, listen(res, events, name)])),
  })
  show(res, 'headersSent', () => head.sent)
  show(res, 'writableEnded', () => ended)
  show(res, 'writableFinished', () => finished)
  show(res, 'closed', () => finished)
  show(res, 'destroyed', () => finished)
  const { statusCode } = res
  show(res, 'statusCode', () => statusCode)
  if (res instanceof ServerResponse) shield(res.req)
}

/**
 * Closes what is piped into a response that is over: its `pipe` waits for a response that takes more, where bare it would have
 * been read to its end.
 */
const giveUp = (source: unknown): void => {
  if (source instanceof Readable && source.listenerCount('data') === 0) source.destroy()
}

const listening = ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const

const listen =
  (res: HostResponse, events: EventEmitter, name: (typeof listening)[number]) =>
  (event: string, listener: (...args: unknown[]) => void): HostResponse => {
    events[name](event, listener)
    return res
  }

/** Puts methods in front of the response's own. */
const override = (
  res: HostResponse,
  methods: Readonly<Record<string, (...args: never[]) => unknown>>,
): void => {
  for (const [name, pretend] of Object.entries(methods)) {
    const genuine: unknown = Reflect.get(res, name)
    if (typeof genuine !== 'function') continue
    Object.defineProperty(res, name, {
      value: (...args: never[]): unknown => (isWriting(res) ? genuine.apply(res, args) : pretend(...args)),
      configurable: true,
      writable: true,
    })
  }
}

/** Shows another value than the real one, which Node and whoever is sending the real answer still see and set. */
const show = (res: HostResponse, name: string, pretend: () => unknown): void => {
  const own = Object.hasOwn(res, name)
  const prototype: object | null = Object.getPrototypeOf(res)
  let real: unknown = own ? Reflect.get(res, name) : undefined
  Object.defineProperty(res, name, {
    get: () => {
      if (!isWriting(res)) return pretend()
      return own || prototype === null ? real : Reflect.get(prototype, name, res)
    },
    set: (value: unknown) => {
      if (own) real = value
    },
    configurable: true,
  })
}

/** A host's error handling that finds the head sent closes the connection, which carries the next request by now. */
const shield = (req: IncomingMessage): void => {
  const { socket } = req
  if (!socket) return
  const view: unknown = Object.create(socket, { destroy: { value: () => view } })
  Object.defineProperty(req, 'socket', { value: view, configurable: true, writable: true })
}
