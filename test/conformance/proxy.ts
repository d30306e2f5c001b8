import { type IncomingMessage, request, type ServerResponse } from 'node:http'

/** The answer of an origin, its body still to come. */
export interface Answer {
  readonly status: number
  readonly reason: string
  /** Name and value of each field line, as they came. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: IncomingMessage
}

const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const pairs = (rawHeaders: readonly string[]): [string, string][] => {
  const list: [string, string][] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    list.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? ''])
  return list
}

/** `Connection` with names of other fields goes on, and they with it: to keep them out is what the suite asks of the cache. */
const goesOn = ([name, value]: readonly [string, string]): boolean => {
  const field = name.toLowerCase()
  return field === 'connection' ? !/^(?:close|keep-alive)$/i.test(value) : !ofConnection.has(field)
}

/**
 * Asks the origin what the client asked, each time on a connection of its own: an idle one may close while a request
 * is on its way. Interim responses are passed on.
 */
export const forward = (port: number, req: IncomingMessage, res: ServerResponse): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const onward = request({
      host: '127.0.0.1',
      port,
      agent: false,
      method: req.method,
      path: req.url,
      headers: pairs(req.rawHeaders)
        .filter(([name]) => !ofConnection.has(name.toLowerCase()))
        .flat(),
    })
    onward.on('information', ({ statusCode, rawHeaders }) => {
      if (statusCode === 102) res.writeProcessing()
      if (statusCode === 103) {
        // It looks for `link` as it is spelt.
        res.writeEarlyHints(
          Object.fromEntries(pairs(rawHeaders).map(([name, value]) => [name.toLowerCase(), value])),
        )
      }
    })
    onward.once('response', (body) => {
      resolve({
        status: body.statusCode ?? 502,
        reason: body.statusMessage ?? '',
        fields: pairs(body.rawHeaders).filter(goesOn),
        body,
      })
    })
    onward.once('error', reject)
    req.pipe(onward)
  })
