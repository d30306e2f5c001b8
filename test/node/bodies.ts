import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'

/** Bytes that show what is missing, doubled or out of its place. */
export const bytesOf = (size: number): Buffer =>
  Buffer.from(Uint32Array.from({ length: size / 4 }, (_, i) => i).buffer)

export const gather = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The ways in which a handler may read. */
export const readers: Readonly<Record<string, (req: Readable) => Promise<Buffer>>> = {
  data: (req) =>
    new Promise((resolve) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => resolve(Buffer.concat(chunks)))
    }),
  readable: (req) =>
    new Promise((resolve) => {
      const chunks: Buffer[] = []
      req.on('readable', () => {
        for (let chunk: Buffer | null = req.read(); chunk; chunk = req.read()) chunks.push(chunk)
      })
      req.on('end', () => resolve(Buffer.concat(chunks)))
    }),
  iteration: (req) => gather(req),
  pipe: (req) => gather(req.pipe(new PassThrough())),
  // Refuses a stream that somebody has touched.
  fetch: async (req) => {
    const body = Readable.toWeb(req)
    return Buffer.from(await new globalThis.Response(body).arrayBuffer())
  },
  undici: async (req) => {
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', duplex: 'half' }
    Reflect.set(init, 'body', req)
    return Buffer.from(await new globalThis.Request('http://localhost/', init).arrayBuffer())
  },
}

interface Sending {
  readonly agent?: Agent
  readonly headers?: Readonly<Record<string, string | number>>
}

/** Sends chunks, each in a packet of its own. */
export const send = async (
  origin: string,
  chunks: readonly Uint8Array[],
  { agent, headers }: Sending = {},
): Promise<{ readonly status: number | undefined; readonly body: string }> => {
  const sent: ClientRequest = request(origin, {
    method: 'POST',
    ...(headers && { headers }),
    ...(agent && { agent }),
  })
  const answered = once(sent, 'response')
  sent.flushHeaders()
  for (const chunk of chunks) {
    sent.write(chunk)
    await turn()
  }
  sent.end()
  const [answer]: IncomingMessage[] = await answered
  assert.ok(answer)
  return { status: answer.statusCode, body: String(await gather(answer)) }
}

export const split = (bytes: Uint8Array, size: number): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  )

/** Serves HTTP/2 for the time of `use`. */
export const overHttp2 = async (
  app: (req: Http2ServerRequest, res: Http2ServerResponse) => void,
  use: (session: ClientHttp2Session) => Promise<void>,
): Promise<void> => {
  const server = createHttp2(app).listen(0)
  await once(server, 'listening')
  const session = connectHttp2(`http://localhost:${(server.address() as AddressInfo).port}`)
  try {
    await use(session)
  } finally {
    session.destroy()
    server.close()
  }
}

export const post = async (
  session: ClientHttp2Session,
  chunks: readonly Uint8Array[],
  path = '/',
): Promise<Buffer> => {
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: chunks.length === 0 })
  const answer = gather(stream)
  for (const chunk of chunks) {
    stream.write(chunk)
    await turn()
  }
  stream.end()
  return answer
}
