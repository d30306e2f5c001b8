import { fold } from './pattern.ts'

/** The path part of a request target: origin-form, absolute-form, or `*` (RFC 9112 section 3.2). */
export const pathOf = (target: string): string => {
  let from = 0
  if (target.charCodeAt(0) !== 47) {
    const scheme = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target)
    if (!scheme) return target === '*' ? '*' : beforeQuery(`/${target}`, 0)
    from = scheme[0].length
    if (target.charCodeAt(from) !== 47) return '/'
  }
  return beforeQuery(target, from)
}

const beforeQuery = (target: string, from: number): string => {
  for (let i = from; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code === 63 || code === 35) return target.slice(from, i)
  }
  return from === 0 ? target : target.slice(from)
}

/** What routers, decoders and file servers may disagree about: encodings, backslashes, doubled slashes, dots. */
const ambiguous = /[%\\]|\/\/|\/\.{1,2}(?:\/|$)/

/** The ways in which software reads a path. */
export interface Readings {
  /** As Express's and Koa's routers match it. */
  readonly sent: string
  /** Decoded and resolved, as file servers and `new URL` look at it. The same string for an ordinary path. */
  readonly resolved: string
  /** Whether it climbs or uses backslashes, which no honest client sends. */
  readonly hostile: boolean
}

export const readings = (path: string): Readings => {
  const sent = fold(path)
  if (!ambiguous.test(sent)) return { sent, resolved: sent, hostile: false }
  const decoded = decodeOnce(path)
  const parts = decoded.replaceAll('\\', '/').split('/')
  const out: string[] = []
  for (const part of parts) {
    if (part === '..') out.pop()
    else if (part !== '' && part !== '.') out.push(part)
  }
  const hostile = decoded.includes('\\') || parts.includes('..') || parts.includes('.')
  return { sent, resolved: fold(encodeURI(`/${out.join('/')}`)), hostile }
}

/** Decoded once and only once, as the software behind does; bytes that are no UTF-8 stay as they were sent. */
const decodeOnce = (path: string): string => path.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
  try {
    return decodeURIComponent(run)
  } catch {
    return run
  }
})
