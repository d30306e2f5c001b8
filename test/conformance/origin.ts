import type { RequestListener } from 'node:http'
import handleConfig from 'http-cache-tests/server/handle-config.mjs'
import handleState from 'http-cache-tests/server/handle-state.mjs'
import handleTest from 'http-cache-tests/server/handle-test.mjs'

const handlers = new Map([
  ['config', handleConfig],
  ['state', handleState],
  ['test', handleTest],
])

/** The suite's origin server, without its pages. It answers each test as the test's client has told it before. */
export const origin: RequestListener = (req, res) => {
  const [, kind = '', ...segments] = new URL(req.url ?? '', 'http://origin').pathname.split('/')
  const handle = handlers.get(kind)
  if (handle) handle(segments, req, res)
  else res.writeHead(404).end()
}
