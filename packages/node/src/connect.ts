import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Plugin, Schema, Stage } from '@millrace/core'
import { Capture } from './capture.ts'
import { NodeExchange } from './exchange.ts'

/** What `app.use` of Connect and Express takes: helmet(), cors(), compression(), morgan(), ... */
export type ConnectMiddleware<Req = IncomingMessage, Res = ServerResponse> = (
  req: Req,
  res: Res,
  next: (error?: unknown) => void,
) => unknown

/** The rule has no options: the middleware has been given its own. */
const onOrOff: Schema<object> = {
  '~standard': {
    version: 1,
    vendor: 'millrace',
    validate: (value) => {
      const [option] = typeof value === 'object' && value !== null ? Object.keys(value) : []
      return option === undefined
        ? { value: {} }
        : {
            issues: [
              { message: 'expected true or false; give options to the middleware itself', path: [option] },
            ],
          }
    },
  },
}

/**
 * Any Connect-style middleware as a plugin that a route can switch on, on every host. It works on the host's own
 * response, below the reply that the layers see: what it sets or wraps (`helmet()`, `compression()`) holds for
 * answers of layers too, and what it answers itself (`cors()` to a preflight) is a reply like any other.
 *
 * @param name the key in a route's rules
 */
export const connect = <
  const Name extends string,
  Req extends IncomingMessage = IncomingMessage,
  Res extends ServerResponse = ServerResponse,
>(
  name: Name,
  middleware: ConnectMiddleware<Req, Res>,
  { stage = 'shape' }: { readonly stage?: Stage } = {},
): Plugin<Name, Record<never, never>, object> => ({
  name,
  stage,
  rule: onOrOff,
  http: () => (exchange, next) => {
    if (!(exchange instanceof NodeExchange))
      throw new TypeError(`the plugin "${name}" needs a node:http response, which this exchange has not`)
    const { req, res } = exchange
    exchange.show()
    const capture = new Capture(res, exchange.method)
    // Koa begins with 404, which a middleware that answers does not expect.
    const before = res.statusCode
    res.statusCode = 200
    return new Promise((resolve, reject) => {
      const goOn = (error?: unknown): void => {
        if (capture.replied) return
        if (res.statusCode === 200) res.statusCode = before
        capture.pass()
        if (error !== undefined && error !== null) reject(error)
        else next(exchange).then(resolve, reject)
      }
      capture
        .open(() => {
          try {
            Promise.resolve(Reflect.apply(middleware, undefined, [req, res, goOn])).catch(reject)
          } catch (error) {
            reject(error)
          }
        })
        .then(resolve, reject)
    })
  },
})
