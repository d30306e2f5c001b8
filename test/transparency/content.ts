/** What an answer says, however it is cut and framed. */
export interface Content {
  readonly head: string
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
  readonly complete: boolean
}

const framing = /^(?:content-length|transfer-encoding|trailer):/i

/** The answers in what a client received, written so that they can be compared. */
export const contentOf = (received: string, change: (content: Content) => Content, whole: boolean): string =>
  (received.startsWith('HTTP/') ? http1(received) : http2(received))
    .map((each) => show(change(each), whole))
    .join('\n')

const show = ({ head, fields, body, trailers, complete }: Content, whole: boolean): string =>
  // Node writes a head in front of a text in that text's encoding, and in front of bytes in latin1.
  [
    ...[head, ...fields].map((line) => line.replaceAll(/[\u0080-\u00ff]+/g, '?')),
    '',
    body,
    ...trailers,
    complete || !whole ? '' : '(unfinished)',
  ].join('\n')

/** Answers of HTTP/1 one behind the other; bodies end by what their heads say, the last by what there is. */
const http1 = (received: string): Content[] => {
  const answers: Content[] = []
  let rest = received
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return [...answers, { head: rest, fields: [], body: '', trailers: [], complete: false }]
    const [head = '', ...lines] = rest.slice(0, end).split('\r\n')
    rest = rest.slice(end + 4)
    const fields = lines.filter((line) => !framing.test(line))
    const status = Number(head.split(' ')[1])
    const length = fieldOf(lines, 'content-length')
    if (status < 200 || status === 204 || status === 304)
      answers.push({ head, fields, body: '', trailers: [], complete: true })
    else if (/chunked/i.test(fieldOf(lines, 'transfer-encoding') ?? '')) {
      const { body, trailers, complete, left } = dechunk(rest)
      answers.push({ head, fields, body, trailers, complete })
      rest = left
    } else if (length !== undefined && !rest.startsWith('HTTP/')) {
      const body = rest.slice(0, Number(length))
      answers.push({ head, fields, body, trailers: [], complete: body.length === Number(length) })
      rest = rest.slice(Number(length))
    } else {
      // An answer to HEAD, which the next one follows at once, or a body up to the end of the connection.
      const next = rest.startsWith('HTTP/') ? 0 : rest.length
      answers.push({ head, fields, body: rest.slice(0, next), trailers: [], complete: true })
      rest = rest.slice(next)
    }
  }
  return answers
}

const fieldOf = (lines: readonly string[], name: string): string | undefined =>
  lines
    .find((line) => line.toLowerCase().startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim()

const dechunk = (text: string): { body: string; trailers: string[]; complete: boolean; left: string } => {
  let body = ''
  let rest = text
  for (;;) {
    const line = rest.indexOf('\r\n')
    if (line < 0) return { body, trailers: [], complete: false, left: '' }
    const size = Number.parseInt(rest.slice(0, line), 16)
    if (Number.isNaN(size)) return { body, trailers: [`not a chunk: ${rest}`], complete: false, left: '' }
    rest = rest.slice(line + 2)
    if (size === 0) break
    body += rest.slice(0, size)
    rest = rest.slice(size + 2)
  }
  const end = rest.startsWith('\r\n') ? 0 : rest.indexOf('\r\n\r\n')
  if (end < 0) return { body, trailers: [], complete: false, left: '' }
  const trailers = rest
    .slice(0, end)
    .split('\r\n')
    .filter((line) => line !== '')
  return { body, trailers, complete: true, left: rest.slice(end + (end === 0 ? 2 : 4)) }
}

const http2 = (received: string): Content[] => {
  const lines = received.split('\n')
  const ids = new Set(lines.flatMap((line) => /^(\d+) /.exec(line)?.[1] ?? []))
  return [...ids].map((id) => {
    const said = (what: string): string[] =>
      lines.flatMap((line) =>
        line.startsWith(`${id} ${what} `) ? line.slice(id.length + what.length + 2) : [],
      )
    const fields = said('head').map((line) =>
      line.replace(/^\d+ /, '').replaceAll(/"content-length","\d+",?/g, ''),
    )
    return {
      head: said('interim').join('\n'),
      fields,
      body: said('body').join(''),
      trailers: said('trailers').map((line) => line.replace(/^\d+ /, '')),
      complete: lines.includes(`${id} close 0`),
    }
  })
}
