import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Ask, Client } from './client.ts'

const names: Readonly<Record<number, string>> = { 0: 'DATA', 1: 'HEADERS', 3: 'RST_STREAM' }

/** Reads the frames that make up an answer (RFC 9113 section 4.1): their kind, stream, flags, and the length of data. */
class FrameReader {
  seen = ''
  #pending = Buffer.alloc(0)

  read(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes])
    while (this.#pending.length >= 9) {
      const length = this.#pending.readUIntBE(0, 3)
      if (this.#pending.length < 9 + length) return
      const [type, flags] = [this.#pending.readUInt8(3), this.#pending.readUInt8(4)]
      const stream = this.#pending.readUInt32BE(5)
      const name = names[type]
      // The compressed length of a field section depends on the time of day in it.
      const detail = type === 0 ? length : type === 3 ? this.#pending.readUInt32BE(9) : ''
      if (name) this.seen += `${name} ${stream} ${flags} ${detail}\n`
      this.#pending = this.#pending.subarray(9 + length)
    }
  }
}

/** What came in over HTTP/2: the frames as they were cut, and what they say. */
class Http2Client implements Client {
  ended: Client['ended'] = 'no'
  bytes = 0
  #said = ''
  readonly #frames = new FrameReader()
  readonly #session: ClientHttp2Session
  readonly #activity: () => void
  readonly #streams: ClientHttp2Stream[] = []
  readonly #bodies: string[] = []

  constructor(port: number, activity: () => void) {
    this.#activity = activity
    this.#session = connect(`http://127.0.0.1:${port}`, { createConnection: () => this.#tap(port) })
    this.#session.on('error', (error) => this.#say(`session error ${error.message}`))
    this.#session.on('close', () => {
      if (this.ended === 'no') this.ended = 'fin'
      activity()
    })
  }

  get received(): string {
    return `${this.#frames.seen}${this.#said}${this.#bodies.map((body, i) => `${i + 1} body ${JSON.stringify(body)}\n`).join('')}`
  }

  send(asks: readonly Ask[]): void {
    for (const ask of asks) this.#request(ask)
  }

  leave(): void {
    for (const stream of this.#streams) stream.close(constants.NGHTTP2_CANCEL)
    this.#session.destroy()
  }

  hold(): void {
    for (const stream of this.#streams) stream.pause()
  }

  resume(): void {
    for (const stream of this.#streams) stream.resume()
  }

  #request({ method, path, fields, body }: Ask): void {
    const head: OutgoingHttpHeaders = { ':method': method, ':path': path }
    for (const [name, value] of fields)
      if (!['connection', 'expect'].includes(name.toLowerCase())) head[name.toLowerCase()] = value
    const stream = this.#session.request(head, { endStream: !body })
    this.#streams.push(stream)
    const id = this.#streams.length
    this.#bodies[id - 1] = ''
    stream.on('headers', (_, flags, raw) => this.#say(`${id} interim ${flags} ${JSON.stringify(raw)}`))
    stream.on('response', (_, flags, raw) => this.#say(`${id} head ${flags} ${JSON.stringify(raw)}`))
    stream.on('data', (data: Buffer) => {
      this.bytes += data.byteLength
      this.#bodies[id - 1] += data.toString('latin1')
      this.#activity()
    })
    stream.on('trailers', (_, flags, raw) => this.#say(`${id} trailers ${flags} ${JSON.stringify(raw)}`))
    stream.on('end', () => this.#say(`${id} end`))
    stream.on('error', (error) => this.#say(`${id} error ${error.message}`))
    stream.on('close', () => this.#say(`${id} close ${stream.rstCode}`))
    if (body) stream.end(body.text)
  }

  #say(line: string): void {
    this.#said += `${line}\n`
    this.#activity()
  }

  /** The connection's socket, with an ear at what comes out of it. */
  #tap(port: number): Duplex {
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    const tap = new Duplex({
      read: () => socket.resume(),
      write: (chunk, _, done) => void socket.write(chunk, done),
      final: (done) => void socket.end(done),
      destroy: (error, done) => {
        socket.destroy()
        done(error)
      },
    })
    socket.on('data', (data) => {
      this.#frames.read(data)
      this.#activity()
      if (!tap.push(data)) socket.pause()
    })
    socket.on('end', () => tap.push(null))
    socket.on('error', (error) => tap.destroy(error))
    socket.on('close', () => tap.destroy())
    return tap
  }
}

export const http2Client = (port: number, activity: () => void): Client => new Http2Client(port, activity)
