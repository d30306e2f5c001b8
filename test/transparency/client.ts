import { connect, type Socket } from 'node:net'

/** What a program's client asks for. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly version: '1.1' | '1.0'
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body?: { readonly text: string; readonly chunked: boolean } | undefined
  /** The client says it will send no more, as `curl` on a closed stdin and some proxies do. */
  readonly halfClose?: boolean | undefined
}

/** The other end: it shows what has come in so far, as it came in. */
export interface Client {
  /** One character for each byte. */
  readonly received: string
  /** How the server ended the connection, if it has. */
  readonly ended: 'no' | 'fin' | 'reset'
  send(asks: readonly Ask[]): void
  /** Goes, without a word. */
  leave(): void
  /** Stops reading, and goes on. */
  hold(): void
  resume(): void
  /** How many body bytes have come, where nobody wants to see them. */
  readonly bytes: number
}

const render = ({
  method,
  path,
  version,
  fields,
  body,
}: Ask): { readonly head: string; readonly body: string } => {
  const lines = [
    `${method} ${path} HTTP/${version}`,
    'Host: localhost',
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ]
  if (!body) return { head: `${lines.join('\r\n')}\r\n\r\n`, body: '' }
  const length = Buffer.byteLength(body.text)
  lines.push(body.chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`)
  return {
    head: `${lines.join('\r\n')}\r\n\r\n`,
    body: body.chunked
      ? `${length === 0 ? '' : `${length.toString(16)}\r\n${body.text}\r\n`}0\r\n\r\n`
      : body.text,
  }
}

/** A raw socket, so that nothing is put right on the way. */
class RawClient implements Client {
  received = ''
  ended: Client['ended'] = 'no'
  bytes = 0
  readonly #socket: Socket
  /** A body that waits for the server's "100 Continue". */
  #waiting: string | undefined

  constructor(port: number, keep: boolean, activity: () => void) {
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#socket.on('data', (data) => {
      this.bytes += data.byteLength
      if (keep || this.received.length < 4096) this.received += data.toString('latin1')
      if (this.#waiting !== undefined && this.received.includes('100 Continue')) {
        this.#socket.write(this.#waiting)
        this.#waiting = undefined
      }
      activity()
    })
    this.#socket.on('end', () => {
      if (this.ended === 'no') this.ended = 'fin'
      activity()
      this.#socket.end()
    })
    this.#socket.on('error', () => {
      this.ended = 'reset'
      activity()
    })
  }

  send(asks: readonly Ask[]): void {
    let text = ''
    for (const ask of asks) {
      const { head, body } = render(ask)
      text += head
      if (ask.fields.some(([name]) => name.toLowerCase() === 'expect')) this.#waiting = body
      else text += body
    }
    if (asks.some((ask) => ask.halfClose)) this.#socket.end(text)
    else this.#socket.write(text)
  }

  leave(): void {
    this.#socket.destroy()
  }

  hold(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }
}

/** @param keep whether all that comes in is kept, or only counted after the first bytes */
export const rawClient = (port: number, activity: () => void, keep = true): Client =>
  new RawClient(port, keep, activity)
