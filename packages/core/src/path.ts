/** `scheme://host:port`, spelt so that every URL parser ends it at the same place. */
const authority = /^[a-z][a-z0-9+.-]*:\/\/(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d*)?(?=[/?#]|$)/i

/**
 * The path part of a request target in origin-form, absolute-form or asterisk-form (RFC 9112 section 3.2). A target
 * of no such form has no path that everyone agrees on; what comes back for it does not start with "/".
 */
export const pathOf = (target: string): string => {
  if (target.charCodeAt(0) === 47) return beforeQuery(target, 0)
  const from = authority.exec(target)?.[0].length
  if (from === undefined) return beforeQuery(target, 0)
  return target.charCodeAt(from) === 47 ? beforeQuery(target, from) : '/'
}

const beforeQuery = (target: string, from: number): string => {
  const fragment = target.indexOf('#')
  const whole = fragment < 0 ? target : target.slice(0, fragment)
  const query = whole.indexOf('?')
  if (query >= 0) return whole.slice(from, query)
  return from === 0 ? whole : whole.slice(from)
}

/** The query of a request target with its "?"; nothing where there is none. */
export const searchOf = (target: string): string => {
  const mark = target.indexOf('?')
  return mark < 0 ? '' : target.slice(mark)
}

/** A request target with the query of another. */
export const withSearch = (target: string, other: string): string =>
  target.slice(0, target.length - searchOf(target).length) + searchOf(other)

/**
 * A path in which there is nothing that software may disagree about: encodings and what needs one, backslashes,
 * doubled slashes, dots in front (also "'", which one of Node's two URL parsers encodes).
 */
const plain = /^(?:\/[\w\-~!$&()*+,;=:@][\w\-.~!$&()*+,;=:@]*)*\/?$/

/** Whether everyone reads the path in the same way; one that is not plain may still turn out to be. */
export const isPlain = (path: string): boolean => path !== '' && plain.test(path)

/** The ways in which software reads a path. */
export interface Readings {
  /** As Express's and Koa's routers match it: by segments, "%2F" being no slash. */
  readonly sent: string
  /** Decoded and resolved, as file servers, `new URL` and other routers look at it. */
  readonly others: readonly string[]
  /** Whether it climbs or uses backslashes, which no honest client sends. */
  readonly hostile: boolean
}

/** @returns undefined when there is no telling which path a host would find. */
export const readings = (path: string): Readings | undefined => {
  // Asterisk-form asks for no resource; an empty segment is matched by "**" alone.
  if (path === '*') return { sent: '//', others: [], hostile: false }
  // The parser that Express and Koa use trims: to them "/a" and a no-break space is "/a".
  if (path.charCodeAt(0) !== 47 || path !== path.trimEnd()) return undefined
  const decoded = decodeOnce(path)
  // `new URL(target, base)` takes what follows two slashes for a host, and counts empty segments when it climbs.
  const pathname = URL.parse(path, 'http://host')?.pathname ?? path
  return {
    sent: canonical(path),
    others: [resolve(decoded), resolve(decodeOnce(pathname)), bySegments(pathname)],
    hostile: /\\|\/\.{1,2}(?:\/|$)/.test(decoded),
  }
}

/** Every slash a separator, dots and empty segments resolved: as a file server goes. */
const resolve = (decoded: string): string => {
  const out: string[] = []
  for (const part of decoded.replaceAll('\\', '/').split('/')) {
    if (part === '..') out.pop()
    else if (part !== '' && part !== '.') out.push(part)
  }
  return join(out)
}

/** As a router that decodes goes. */
const bySegments = (pathname: string): string => join(pathname.split('/').filter(Boolean).map(decodeOnce))

const join = (segments: readonly string[]): string =>
  `/${segments.map((segment) => encode(segment.toLowerCase())).join('/')}`

/**
 * One spelling for what is the same to routers that match without regard to case: lower case, and every character
 * that a URL has to encode encoded. Other encodings stay, since routers tell "%61" from "a".
 */
const canonical = (path: string): string =>
  fold(path.replace(highBytes, decodeOrKeep))
    .replace(/[^/%]+/g, encode)
    .toLowerCase()

/** The canonical spelling of one segment, however it is written; undefined when it is no valid encoding. */
export const canonicalSegment = (text: string): string | undefined => {
  try {
    return encode(fold(decodeURIComponent(text)))
  } catch {
    return undefined
  }
}

const encode = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^\w\-.~!$&()*+,;=:@]+/g, (run) => encodeURIComponent(run).replaceAll("'", '%27'))
    .toLowerCase()

/** Lower case, but for the two letters outside ASCII whose lower case is inside: to no router is U+212A a "k". */
const fold = (text: string): string => text.replace(/[^\u0130\u212a]+/g, (run) => run.toLowerCase())

const highBytes = /(?:%[89a-f][\da-f])+/gi

/** Decoded once and only once, as the software behind does; bytes that are no UTF-8 stay as they were sent. */
const decodeOnce = (path: string): string =>
  path.replace(/%[0-7][\da-f]|(?:%[89a-f][\da-f])+/gi, decodeOrKeep)

/** Decoded, or as it was sent when it is no valid encoding. */
export const decodeOrKeep = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
