import { posix } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { CachePlugin } from '@millrace/cache'
import type { RouteRules } from '@millrace/core'
import type { Handler, Said, Sight } from './hosts.ts'

type CacheRule = NonNullable<RouteRules<readonly [CachePlugin]>['cache']>

/** A rule, and what of a request a handler may show by it: what is in the key, and what is never kept. */
interface Part {
  readonly rule: CacheRule
  shows(sight: Sight): unknown
}

/** What makes the request this one and no other, and whose it is. */
const basic = ({ path, scheme, host, headers, content }: Sight) => ({
  path,
  scheme,
  host,
  name: headers.host,
  cookie: headers.cookie,
  authorization: headers.authorization,
  method: headers['x-http-method-override'],
  original: headers['x-original-url'] ?? headers['x-rewrite-url'],
  content,
})

const all = (sight: Sight) => ({ ...basic(sight), url: sight.url, query: sight.query })

/** A list, however it is written. */
const listed = (field: string | string[] | undefined): readonly string[] | undefined =>
  field === undefined
    ? undefined
    : [field]
        .flat()
        .join(',')
        .split(',')
        .map((item) => item.trim())

const langOf = ({ headers }: Sight): string | undefined =>
  headers.cookie
    ?.split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith('lang='))

const ttl = '1m'

/** By the first segment of the path. */
export const parts = {
  own: { rule: true, shows: all },
  ttl: { rule: { ttl }, shows: all },
  query: { rule: { ttl, query: ['q'] }, shows: (sight) => ({ ...basic(sight), q: sight.query['q'] }) },
  sorted: {
    rule: { ttl, query: 'sorted' },
    shows: (sight) => ({
      ...basic(sight),
      query: Object.entries(sight.query).sort(([a], [b]) => (a < b ? -1 : 1)),
    }),
  },
  vary: {
    rule: { ttl, vary: ['x-tenant'] },
    shows: (sight) => ({ ...all(sight), tenant: listed(sight.headers['x-tenant']) }),
  },
  cookies: {
    rule: { ttl, cookies: ['lang'] },
    shows: (sight) => ({ ...all(sight), cookie: undefined, lang: langOf(sight) }),
  },
  authorization: { rule: { ttl, authorization: 'key' }, shows: all },
  content: {
    rule: { ttl, body: '1kb' },
    shows: (sight) => ({
      ...all(sight),
      kind: sight.method,
      type: sight.method === 'GET' ? undefined : sight.headers['content-type'],
    }),
  },
  /** What is the same for all: the operator's word, which holds for what the table finds under it alone. */
  ignoring: { rule: { ttl, cookies: 'ignore', authorization: 'ignore' }, shows: ({ path }) => path },
  isolate: {
    rule: {
      ttl,
      isolate: true,
      query: ['q'],
      vary: ['x-tenant'],
      cookies: ['lang'],
      authorization: 'ignore',
    },
    shows: (sight) => sight,
  },
  secluded: {
    rule: { ttl, isolate: true, authorization: 'key', cookies: 'ignore', body: '1kb' },
    shows: (sight) => sight,
  },
} satisfies Readonly<Record<string, Part>>

export type PartName = keyof typeof parts

const isPart = (name: string): name is PartName => Object.hasOwn(parts, name)

export const routes: Readonly<Record<string, { readonly cache: CacheRule }>> = Object.fromEntries(
  Object.entries(parts).map(([name, { rule }]) => [`/${name}/**`, { cache: rule }]),
)

let minted = 0

/** What a handler may do, by the second segment of the path. What it says stands in the key, or it says so. */
export const deeds = {
  plain: () => ({}),
  stream: () => ({ isStream: true }),
  varies: ({ headers }) => ({ fields: { Vary: 'X-Tenant' }, text: `for ${listed(headers['x-tenant'])}` }),
  knows: ({ headers }) => ({
    fields: { Vary: ['Cookie', 'Authorization'] },
    text: `for ${headers.cookie} and ${headers.authorization}`,
  }),
  anything: ({ headers }) => ({ fields: { Vary: '*' }, text: JSON.stringify(headers) }),
  mints: () => ({ fields: { 'Set-Cookie': `minted=${++minted}` } }),
  keeps: ({ headers }) => ({
    fields: { 'Cache-Control': 'private, max-age=60' },
    text: JSON.stringify(headers),
  }),
  hides: ({ headers }) => ({ fields: { 'Cache-Control': 'no-store' }, text: JSON.stringify(headers) }),
  shares: () => ({ fields: { 'Cache-Control': 'public, s-maxage=60' } }),
  refuses: ({ headers }) =>
    headers['x-bad'] === undefined ? {} : { status: 400, isThrown: true, text: `bad: ${headers['x-bad']}` },
  lacks: () => ({ status: 404 }),
  fails: ({ headers }) => ({
    status: 503,
    fields: { Vary: 'X-Tenant' },
    text: `for ${listed(headers['x-tenant'])}`,
  }),
  echoes: ({ path, query }) => ({ fields: { 'X-To': String(query['to'] ?? path) } }),
  hints: ({ headers }) =>
    headers['x-hint'] === undefined ? {} : { hint: `</${headers['x-hint']}>; rel=preload` },
  breaks: () => ({ isThrown: true, text: 'broken' }),
} satisfies Readonly<Record<string, (sight: Sight) => Partial<Said>>>

export type Deed = keyof typeof deeds

const isDeed = (name: string): name is Deed => Object.hasOwn(deeds, name)

/** Without what a cache puts in, to ask whether what it has is still right. */
const unconditional = (sight: Sight): Sight => {
  const isKept = (name: string): boolean => !/^if-/i.test(name)
  const { headers, rawHeaders } = sight
  return {
    ...sight,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => isKept(name))),
    rawHeaders: rawHeaders.filter((_, i) => isKept(rawHeaders[i - (i % 2)] ?? '')),
  }
}

/** Shows what it sees, as far as its part lets it, and takes a while. */
export const reflect: Handler = async (seen) => {
  const sight = unconditional(seen)
  // As a file server finds what is asked for.
  const [, part = '', deed = ''] = posix.normalize(sight.path.replaceAll('\\', '/')).toLowerCase().split('/')
  for (let i = 0; i < 3; i++) await turn()
  const { fields, text, ...said }: Partial<Said> = isDeed(deed) ? deeds[deed](sight) : {}
  const kept = said.status === undefined && !said.isThrown ? { 'Cache-Control': 'max-age=60' } : {}
  return {
    ...said,
    fields: { ...kept, ...fields },
    text: JSON.stringify([isPart(part) ? parts[part].shows(sight) : sight, text]),
  }
}
