import { once } from 'node:events'
import { connect } from 'node:net'
import type { RequestFields } from './group.ts'

const answered = 'HTTP/1.1 200'

/** How many requests are under way at a time. */
const window = 64

/**
 * Asks once for each of `keys` addresses below one, on one connection.
 *
 * @throws Error when an answer is none of status 200
 */
export const warm = async (url: string, headers: RequestFields, keys: number): Promise<void> => {
  const { host, hostname, port, pathname } = new URL(url)
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let asked = 0
  let done = 0
  let tail = ''
  const more = (): void => {
    let requests = ''
    for (; asked < keys && asked - done < window; asked++)
      requests += `GET ${pathname}/${asked} HTTP/1.1\r\n${fields.join('')}\r\n`
    if (requests !== '') socket.write(requests)
  }
  more()
  for await (const chunk of socket.setEncoding('latin1')) {
    const text = tail + chunk
    let from = 0
    for (let at = text.indexOf(answered); at >= 0; at = text.indexOf(answered, from)) {
      done++
      from = at + answered.length
    }
    tail = text.slice(Math.max(from, text.length - answered.length + 1))
    if (done === keys) break
    more()
  }
  socket.destroy()
  if (done < keys) throw new Error(`${url}: ${done} of ${keys} addresses were answered well`)
}
