import { connect } from 'node:net'

/** A request as it goes over the wire. Nothing is added to it but `Connection: close` and the length of a body. */
export interface Ask {
  /** Default `GET`. */
  readonly method?: string
  readonly target: string
  /** Lines, in order. A name may come several times, `Host` too. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body?: string
  /** The body comes in chunks of no told length. */
  readonly chunked?: boolean
}

/** What came back, one character for each byte. */
export interface Answer {
  readonly status: number
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Every line of a field, joined by ", ". */
  field(name: string): string | undefined
  readonly body: string
  /** Statuses of what came before the answer. */
  readonly interim: readonly number[]
}

const render = ({ method = 'GET', target, fields, body, chunked = false }: Ask): string => {
  const lines = [`${method} ${target} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)]
  lines.push('Connection: close')
  const length = Buffer.byteLength(body ?? '')
  if (body !== undefined) lines.push(chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`)
  const content = chunked && length > 0 ? `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : (body ?? '')
  return `${lines.join('\r\n')}\r\n\r\n${content}`
}

/** One request on a connection of its own, so that nothing is put right on the way. */
export const send = (port: number, ask: Ask): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let received = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      received += text
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(parse(received)))
    socket.write(render(ask))
  })

const parse = (received: string): Answer => {
  const interim: number[] = []
  for (let rest = received; ; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [start = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(start.split(' ')[1])
    rest = rest.slice(end + 4)
    if (status >= 100 && status < 200) {
      interim.push(status)
      continue
    }
    const fields = lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
    const field = (name: string): string | undefined => {
      const values = fields.filter(([other]) => other.toLowerCase() === name.toLowerCase())
      return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ')
    }
    const body = field('transfer-encoding') === 'chunked' ? unchunked(rest) : rest
    return { status, fields, field, body, interim }
  }
}

const unchunked = (text: string): string => {
  let body = ''
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at)
    const length = Number.parseInt(text.slice(at, end), 16)
    if (!(length > 0)) return body
    body += text.slice(end + 2, end + 2 + length)
    at = end + 2 + length + 2
  }
}
