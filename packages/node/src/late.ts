import { HeaderMap } from '@millrace/core'
import { isWriting } from './below.ts'
import type { HostResponse } from './host.ts'

/**
 * What a handler sees that writes after a layer has answered: a response of its own that takes everything and sends
 * nothing. Calls that come from below, from Node or from middleware further out while the real answer is being
 * written, go through.
 */
export const seal = (res: HostResponse): void => {
  const fields = new HeaderMap()
  const statusCode = res.statusCode
  let sent = false
  let ended = false

  const lines = (name: string): string | string[] | undefined => {
    const values = fields.getAll(name)
    return values.length > 1 ? [...values] : values[0]
  }
  const later = (args: readonly unknown[]): void => {
    const callback = args.findLast((arg) => typeof arg === 'function')
    if (typeof callback === 'function') process.nextTick(() => callback())
  }
  const setField = (name: string, value: unknown): void => {
    fields.set(name, Array.isArray(value) ? value.map(String) : String(value))
  }

  const late: Readonly<Record<string, (...args: never[]) => unknown>> = {
    setHeader(name: string, value: unknown) {
      setField(name, value)
      return res
    },
    setHeaders(all: Iterable<readonly [string, unknown]>) {
      for (const [name, value] of all) setField(name, value)
      return res
    },
    appendHeader(name: string, value: unknown) {
      fields.append(name, Array.isArray(value) ? value.map(String) : String(value))
      return res
    },
    removeHeader: (name: string) => void fields.delete(name),
    hasHeader: (name: string) => fields.has(name),
    getHeader: lines,
    getHeaderNames: () => [...new Set([...fields].map(([name]) => name.toLowerCase()))],
    getRawHeaderNames: () => [...new Set([...fields].map(([name]) => name))],
    getHeaders: () => Object.fromEntries([...fields].map(([name]) => [name.toLowerCase(), lines(name)])),
    writeHead() {
      sent = true
      return res
    },
    flushHeaders: () => {
      sent = true
    },
    write(...args: unknown[]) {
      sent = true
      later(args)
      return true
    },
    end(...args: unknown[]) {
      sent = true
      ended = true
      later(args)
      return res
    },
    addTrailers: () => undefined,
    cork: () => undefined,
    uncork: () => undefined,
    // The connection is the client's, who has had an answer; it is not the late handler's to close.
    destroy: () => res,
    writeContinue: (...args: unknown[]) => later(args),
    writeProcessing: (...args: unknown[]) => later(args),
    writeEarlyHints: (...args: unknown[]) => later(args),
    writeInformation: (...args: unknown[]) => later(args),
  }

  const properties: PropertyDescriptorMap = {
    headersSent: { get: () => (isWriting(res) ? true : sent), configurable: true },
    writableEnded: { get: () => ended, configurable: true },
    statusCode: { get: () => statusCode, set: () => undefined, configurable: true },
  }
  for (const [name, pretend] of Object.entries(late)) {
    const genuine: unknown = Reflect.get(res, name)
    if (typeof genuine !== 'function') continue
    properties[name] = {
      value: (...args: never[]): unknown => (isWriting(res) ? genuine.apply(res, args) : pretend(...args)),
      configurable: true,
      writable: true,
    }
  }
  Object.defineProperties(res, properties)
}
