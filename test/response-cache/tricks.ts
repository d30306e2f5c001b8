import type { Ask } from './raw.ts'

type Line = readonly [name: string, value: string]

/**
 * A way to make a cache give one user what another one has made, or is to have: what the attacker brings with it says
 * "evil", what is the victim's own says "secret".
 */
export interface Trick {
  readonly name: string
  /** Who described it. */
  readonly source: string
  /** What is asked before, or at the same time. */
  readonly first: readonly Ask[]
  /** Its answer is what it is without the others. */
  readonly asked: Ask
  /** Whether that is kept, so that asked again it comes from the cache. Default true. */
  readonly isKept?: boolean
}

const host: Line = ['Host', 'a.test']

const get = (target: string, ...fields: readonly Line[]): Ask => ({ target, fields: [host, ...fields] })

const at = (name: string, target: string): Ask => ({ target, fields: [['Host', name]] })

const practical = 'Practical Web Cache Poisoning (Kettle, 2018)'
const entanglement = 'Web Cache Entanglement (Kettle, 2020)'
const responsible = 'Responsible denial of service with web cache poisoning (Kettle, 2019)'
const cpdos = 'Your Cache Has Fallen: Cache-Poisoned Denial-of-Service (Nguyen, Lo Iacono, Federrath, 2019)'
const deception = 'Web Cache Deception Attack (Gil, 2017)'
const confused = 'Cached and Confused: Web Cache Deception in the Wild (Mirheidari et al., 2020)'
const gotta = "Gotta cache 'em all: bending the rules of web cache exploitation (Doyhenard, 2024)"
const hopByHop = 'Abusing HTTP hop-by-hop request headers (Davison, 2019)'

const page = get('/ttl/plain/a')
const isolated = get('/isolate/plain/a')
const session: Line = ['Cookie', 'session=secret']
const credentials: Line = ['Authorization', 'Bearer secret']

/** The attacker comes first, and the victim is not to get what that has made. */
const poisonings: readonly Trick[] = [
  {
    name: 'a forwarded host',
    source: practical,
    first: [
      get('/ttl/plain/a', ['X-Forwarded-Host', 'evil.test']),
      get('/ttl/plain/a', ['X-Forwarded-Host', 'a.test'], ['X-Forwarded-Host', 'evil.test']),
    ],
    asked: page,
  },
  {
    name: 'a forwarded scheme',
    source: practical,
    first: [
      get('/ttl/plain/a', ['X-Forwarded-Proto', 'evil']),
      get('/ttl/plain/a', ['X-Forwarded-Proto', 'https']),
    ],
    asked: page,
  },
  {
    name: 'a field that an isolated handler would believe',
    source: practical,
    first: [
      'X-Host',
      'X-Forwarded-Server',
      'X-Forwarded-Scheme',
      'X-Forwarded-Port',
      'X-Forwarded-Prefix',
    ].map((name) => get('/isolate/plain/a', [name, 'evil'])),
    asked: isolated,
  },
  {
    name: 'Forwarded (RFC 7239) before an isolated handler',
    source: practical,
    first: [get('/isolate/plain/a', ['Forwarded', 'host=evil.test;proto=https'])],
    asked: isolated,
  },
  {
    name: 'another URL in a field',
    source: `${practical}; CVE-2018-14773`,
    first: [
      get('/ttl/plain/a', ['X-Original-URL', '/evil']),
      get('/ttl/plain/a', ['X-Rewrite-URL', '/evil']),
    ],
    asked: page,
  },
  {
    name: 'another method in a field',
    source: cpdos,
    first: ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].map((name) =>
      get('/ttl/plain/a', [name, 'evil']),
    ),
    asked: page,
  },
  {
    name: 'another method in a field of a POST',
    source: cpdos,
    first: [{ ...get('/content/plain/a', ['X-HTTP-Method-Override', 'evil']), method: 'POST', body: 'q=1' }],
    asked: { ...get('/content/plain/a'), method: 'POST', body: 'q=1' },
  },
  {
    name: 'a cookie that is not in the key',
    source: practical,
    first: [get('/ttl/plain/a', ['Cookie', 'theme=evil'])],
    asked: page,
  },
  {
    name: 'a cookie beside those in the key',
    source: practical,
    first: [
      get('/isolate/plain/a', ['Cookie', 'lang=de; theme=evil']),
      get('/isolate/plain/a', ['Cookie', 'theme=evil'], ['Cookie', 'lang=de']),
    ],
    asked: get('/isolate/plain/a', ['Cookie', 'lang=de']),
  },
  {
    name: 'a cookie twice',
    source: 'parsers of cookies take the first or the last',
    first: [
      get('/cookies/plain/a', ['Cookie', 'lang=evil; lang=de']),
      get('/cookies/plain/a', ['Cookie', 'lang=de; lang=evil']),
    ],
    asked: get('/cookies/plain/a', ['Cookie', 'lang=de']),
  },
  {
    name: 'a GET with content',
    source: `${entanglement}: fat GET`,
    first: [
      { ...get('/ttl/plain/a'), body: 'evil=1' },
      { ...get('/ttl/plain/a'), body: 'evil=1', chunked: true },
    ],
    asked: page,
  },
  {
    name: 'a HEAD with content',
    source: `${entanglement}: fat GET`,
    first: [{ ...get('/ttl/plain/a'), method: 'HEAD', body: 'evil=1' }],
    asked: page,
  },
  {
    name: 'both lengths of content',
    source: 'RFC 9112, section 11.2: request smuggling',
    first: [{ ...get('/ttl/plain/a', ['Content-Length', '4']), body: 'evil', chunked: true }],
    asked: page,
  },
  {
    name: 'parameters behind a semicolon',
    source: `${entanglement}: parameter cloaking`,
    first: [get('/query/plain/a?q=1;q=evil'), get('/query/plain/a?q=1&utm=x;q=evil')],
    asked: get('/query/plain/a?q=1'),
  },
  {
    name: 'parameters in brackets',
    source: `${entanglement}: parameter cloaking`,
    first: [
      get('/query/plain/a?q=1&[q]=evil'),
      get('/query/plain/a?q=1&q[]=evil'),
      get('/query/plain/a?q=1&q[0]=evil'),
      get('/query/plain/a?q=1&%5Bq%5D=evil'),
    ],
    asked: get('/query/plain/a?q=1'),
  },
  {
    name: 'a parameter twice',
    source: entanglement,
    first: [
      get('/query/plain/a?q=1&q=evil'),
      get('/query/plain/a?q=evil&q=1'),
      get('/query/plain/a?q=1&%71=evil'),
    ],
    asked: get('/query/plain/a?q=1'),
  },
  {
    name: 'a parameter that is not in the key',
    source: `${entanglement}: unkeyed query`,
    first: [get('/query/plain/a?q=1&utm_content=evil'), get('/isolate/plain/a?utm_content=evil')],
    asked: get('/query/plain/a?q=1'),
  },
  {
    name: 'a parameter that is not in the key, before an isolated handler',
    source: `${entanglement}: unkeyed query`,
    first: [get('/isolate/plain/a?utm_content=evil&q=1')],
    asked: get('/isolate/plain/a?q=1'),
  },
  {
    name: 'more parameters than parsers read',
    source: 'querystring.parse and qs stop after 1,000',
    first: [get(`/query/plain/a?${'x&'.repeat(1000)}q=1`), get(`/sorted/plain/a?${'x&'.repeat(1000)}q=1`)],
    asked: get('/query/plain/a?q=1'),
  },
  {
    name: 'a parameter behind a fragment',
    source: `${gotta}: delimiters`,
    first: [get('/query/plain/a?evil=#&q=1'), get('/query/plain/a#?q=1')],
    asked: get('/query/plain/a?q=1'),
  },
  {
    name: 'a port',
    source: `${entanglement}: unkeyed port`,
    first: [at('a.test:666', '/ttl/plain/a'), at('a.test:80', '/ttl/plain/a')],
    asked: page,
  },
  {
    name: 'the case of a host',
    source: responsible,
    first: [at('A.test', '/ttl/plain/a'), at('A.TEST', '/isolate/plain/a')],
    asked: page,
  },
  {
    name: 'a dot behind a host',
    source: responsible,
    first: [at('a.test.', '/ttl/plain/a')],
    asked: page,
  },
  {
    name: 'two hosts',
    source: `RFC 9112, section 3.2; ${gotta}`,
    first: [
      get('/ttl/plain/a', ['Host', 'evil.test']),
      { target: '/ttl/plain/a', fields: [['Host', 'evil.test'], host] },
    ],
    asked: page,
  },
  {
    name: 'no host',
    source: 'aspnetcore#67763',
    first: [at('', '/ttl/plain/a')],
    asked: page,
  },
  {
    name: 'a whole URL',
    source: `RFC 9112, section 3.2.2; ${entanglement}`,
    first: [
      get('http://evil.test/ttl/plain/a'),
      get('http://evil.test/query/plain/a?q=evil'),
      { target: 'http://a.test/ttl/plain/a', fields: [['Host', 'evil.test']] },
    ],
    asked: page,
  },
  {
    name: 'a whole URL, by a list of parameters',
    source: 'RFC 9112, section 3.2.2',
    first: [get('http://a.test/query/plain/a?q=evil')],
    asked: get('/query/plain/a'),
  },
  {
    name: 'separators of the key',
    source: `${entanglement}: cache key injection`,
    first: [
      get('/ttl/plain/a', ['X-Forwarded-Proto', 'http:6:a.test/ttl/plain/a']),
      get('/vary/plain/a', ['X-Tenant', '1:a'], ['X-Tenant', 'evil']),
      at('a.test/ttl/plain/a', '/ttl/plain/a'),
    ],
    asked: page,
  },
  {
    name: 'a key that is too long',
    source: 'aspnetcore#67763',
    first: [get(`/ttl/plain/${'a'.repeat(5000)}evil`), get(`/ttl/plain/${'a'.repeat(4000)}evil`)],
    asked: get(`/ttl/plain/${'a'.repeat(5000)}`),
    isKept: false,
  },
  {
    name: 'a field that is too large',
    source: `${cpdos}: HHO`,
    first: [get('/ttl/plain/a', ['X-Evil', 'evil'.repeat(5000)])],
    asked: page,
  },
  {
    name: 'a control character in a field',
    source: `${cpdos}: HMC`,
    first: [get('/ttl/plain/a', ['X-Evil', 'evil\u0007']), get('/ttl/plain/a', ['X-Evil', 'evil\u0000'])],
    asked: page,
  },
  {
    name: 'a field that the handler refuses',
    source: cpdos,
    first: [get('/ttl/refuses/a', ['X-Bad', 'evil'])],
    asked: get('/ttl/refuses/a'),
  },
  {
    name: 'a field that a handler with a life of its own refuses',
    source: cpdos,
    first: [get('/own/refuses/a', ['X-Bad', 'evil'])],
    asked: get('/own/refuses/a'),
  },
  {
    name: 'a field that an isolated handler would refuse',
    source: cpdos,
    first: [get('/isolate/refuses/a', ['X-Bad', 'evil'])],
    asked: get('/isolate/refuses/a'),
  },
  {
    name: 'an expectation that cannot be met',
    source: cpdos,
    first: [get('/ttl/plain/a', ['Expect', 'evil'])],
    asked: page,
  },
  {
    name: 'part of a body',
    source: 'CPDoS by Range: 206 and 416 kept in the place of 200',
    first: [
      get('/ttl/plain/a', ['Range', 'bytes=0-0']),
      get('/ttl/plain/a', ['Range', 'bytes=99999-']),
      get('/ttl/plain/a', ['Range', 'bytes=0-0'], ['If-Range', '"evil"']),
      get('/ttl/plain/a', ['Range', 'evil']),
    ],
    asked: page,
  },
  {
    name: 'no body, as the attacker has it',
    source: 'CPDoS by conditions: 304 and 412 kept in the place of 200',
    first: [
      get('/ttl/plain/a', ['If-None-Match', '*']),
      get('/ttl/plain/a', ['If-Modified-Since', 'Sun, 01 Jan 2090 00:00:00 GMT']),
      get('/ttl/plain/a', ['If-Match', '"evil"']),
      get('/ttl/plain/a', ['If-Unmodified-Since', 'Thu, 01 Jan 1970 00:00:01 GMT']),
    ],
    asked: page,
  },
  {
    name: 'no body, as it is a HEAD',
    source: practical,
    first: [{ ...page, method: 'HEAD' }],
    asked: page,
  },
  {
    name: 'other methods',
    source: 'apicache#128 #64 #113 #142',
    first: ['POST', 'PUT', 'OPTIONS', 'EVIL'].map((method) => ({ ...page, method, body: 'evil' })),
    asked: page,
  },
  {
    name: 'the type of no content, before an isolated handler',
    source: `${entanglement}: fat GET; charset of a form`,
    first: [get('/isolate/plain/a', ['Content-Type', 'application/x-www-form-urlencoded; charset=evil'])],
    asked: isolated,
  },
  {
    name: 'what a reply varies by',
    source: practical,
    first: [get('/ttl/varies/a', ['X-Tenant', 'evil']), get('/own/varies/a', ['X-Tenant', 'evil'])],
    asked: get('/ttl/varies/a'),
  },
  {
    name: 'what a failure varies by',
    source: cpdos,
    first: [get('/ttl/fails/a', ['X-Tenant', 'evil'])],
    asked: get('/ttl/fails/a'),
    isKept: false,
  },
  {
    name: 'fields of the connection',
    source: hopByHop,
    first: [
      get('/vary/plain/a', ['Connection', 'X-Tenant'], ['X-Tenant', 'evil']),
      get('/vary/plain/a', ['Connection', 'Host, X-Forwarded-Host'], ['X-Forwarded-Host', 'evil.test']),
    ],
    asked: get('/vary/plain/a'),
  },
  {
    name: 'an upgrade',
    source: 'h2c smuggling (Bishop Fox, 2020)',
    first: [get('/ttl/plain/a', ['Connection', 'Upgrade, HTTP2-Settings'], ['Upgrade', 'h2c'])],
    asked: page,
  },
  {
    name: 'a client that wants no stored answer',
    source: 'a cache that any client can empty or go around (apicache: x-apicache-bypass)',
    first: [
      get('/ttl/plain/a', ['Cache-Control', 'no-cache, no-store, max-age=0']),
      get('/ttl/plain/a', ['Pragma', 'no-cache']),
      get('/ttl/plain/a', ['X-Apicache-Bypass', 'true']),
      { ...page, method: 'PURGE' },
    ],
    asked: page,
  },
  {
    name: 'a header that is split',
    source: 'Divide and Conquer: HTTP response splitting (Klein, 2004)',
    first: [
      get('/ttl/echoes/a?to=%0d%0aSet-Cookie:%20evil=1'),
      get('/ttl/echoes/a?to=%E5%98%8A%E5%98%8DSet-Cookie:%20evil=1'),
      get('/ttl/echoes/a%0d%0aSet-Cookie:%20evil=1'),
    ],
    asked: get('/ttl/echoes/a'),
  },
  {
    name: 'hints before the answer',
    source: 'RFC 8297, section 3: early hints are not kept',
    first: [get('/ttl/hints/a', ['X-Hint', 'evil'])],
    asked: get('/ttl/hints/a'),
  },
]

/** The victim comes first, led there by the attacker, who is not to get what was the victim's. */
const deceptions: readonly Trick[] = [
  {
    name: 'a private page that looks like a file',
    source: deception,
    first: [get('/ttl/plain/account/x.css', session)],
    asked: get('/ttl/plain/account/x.css'),
  },
  {
    name: 'the same, with credentials',
    source: deception,
    first: [get('/ttl/plain/account/x.css', credentials)],
    asked: get('/ttl/plain/account/x.css'),
  },
  {
    name: 'a path parameter',
    source: confused,
    first: [get('/ttl/plain/account;x.css', session), get('/ttl/plain/account;jsessionid=secret')],
    asked: get('/ttl/plain/account;x.css'),
  },
  ...['%2f', '%00', '%0a', '%23', '%3f', '%3b', '%09', '!', ','].map((delimiter) => ({
    name: `the delimiter ${delimiter}`,
    source: `${confused}; ${gotta}`,
    first: [get(`/ttl/plain/account${delimiter}x.css`, session)],
    asked: get(`/ttl/plain/account${delimiter}x.css`),
  })),
  ...[
    '/ignoring/..%2fttl/plain/a',
    '/ignoring/%2e%2e/ttl/plain/a',
    '/ignoring/../ttl/plain/a',
    '/ignoring%2f..%2fttl/plain/a',
    '/ttl/plain/..%2f..%2f..%2fignoring/a',
    '/ignoring\\..\\ttl/plain/a',
    '//ignoring/a',
  ].map((target) => ({
    name: `the path ${target}`,
    source: gotta,
    first: [get(target, session), get(target, credentials)],
    asked: get(target),
    isKept: false,
  })),
  {
    name: 'a reply that sets a cookie',
    source: 'apicache#179, ocache#61',
    first: [get('/ttl/mints/a'), get('/ttl/mints/a')],
    asked: get('/ttl/mints/a'),
    isKept: false,
  },
  {
    name: 'a private reply',
    source: 'RFC 9111, section 5.2.2.7',
    first: [get('/ttl/keeps/a', ['X-Tenant', 'secret'])],
    asked: get('/ttl/keeps/a'),
    isKept: false,
  },
  {
    name: 'a POST of a user',
    source: 'Fetch of a form, keyed by its body',
    first: [{ ...get('/content/plain/a', session), method: 'POST', body: 'q=1' }],
    asked: { ...get('/content/plain/a'), method: 'POST', body: 'q=1' },
  },
  {
    name: 'credentials beside those in the key',
    source: 'RFC 9111, section 3.5',
    first: [get('/authorization/plain/a', credentials), get('/authorization/plain/a', credentials, session)],
    asked: get('/authorization/plain/a'),
  },
  {
    name: 'credentials that an isolated handler does not see',
    source: 'RFC 9111, section 3.5',
    first: [get('/isolate/plain/a', credentials)],
    asked: isolated,
  },
  {
    name: 'a reply that varies by the user',
    source: 'RFC 9111, section 4.1',
    first: [get('/vary/knows/a', session), get('/cookies/knows/a', session)],
    asked: get('/cookies/knows/a'),
  },
]

export const tricks: readonly Trick[] = [...poisonings, ...deceptions]
