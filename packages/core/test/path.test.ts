import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AmbiguousPathError, millrace, pathOf } from '../src/index.ts'
import { naiveMatch, segmentsOf } from './model.ts'

const ambiguous = 'ambiguous'

const look = (
  routes: Readonly<Record<string, object>>,
  target: string,
): readonly string[] | typeof ambiguous => {
  try {
    return millrace({ plugins: [], routes })
      .match('GET', target)
      .patterns.map((pattern) => pattern.source)
  } catch (error) {
    assert.ok(error instanceof AmbiguousPathError)
    return ambiguous
  }
}

const routes = {
  '/admin': {},
  '/admin/**': {},
  '/files/:name': {},
  '/café': {},
  '/koa': {},
  "/o'brien": {},
  '/a|b/:x': {},
  '/@me': {},
  '/x%2Fy': {},
  '/100%25': {},
}
const admin = ['/admin/**', '/admin']

describe('the path of a request', () => {
  const honest: readonly (readonly [path: string, patterns: readonly string[]])[] = [
    ['/admin', admin],
    ['/Admin', admin],
    ['/admin/', admin],
    ['/admin?x=/../files/a', admin],
    ['/admin/users', ['/admin/**']],
    ['/nothing', []],
    ['/admin//users', ['/admin/**']],
    ['/admin/./users', ['/admin/**']],
    ['/files/report.pdf', ['/files/:name']],
    // An encoded slash, letter or whatever else in a param is the param's.
    ['/files/a%2Fb', ['/files/:name']],
    ['/files/a%2fb%2Fc', ['/files/:name']],
    ['/files/%61', ['/files/:name']],
    ['/files/50%25', ['/files/:name']],
    ['/files/%E2%82%AC', ['/files/:name']],
    ['/files/%00', ['/files/:name']],
    ['/files/%ff', ['/files/:name']],
    ['/files/%zz', ['/files/:name']],
    ['/files/...', ['/files/:name']],
    ['/files/.htaccess', ['/files/:name']],
    ['/files/a..b', ['/files/:name']],
    // What a URL has to encode is the same encoded and not.
    ['/caf%C3%A9', ['/café']],
    ['/caf%c3%a9', ['/café']],
    ['/caf\u00e9', ['/café']],
    ['/CAF%C3%89', ['/café']],
    ["/o'brien", ["/o'brien"]],
    ['/o%27brien', ["/o'brien"]],
    ['/a|b/1', ['/a|b/:x']],
    ['/A%7CB/1', ['/a|b/:x']],
    ['/@me', ['/@me']],
    ['/x%2Fy', ['/x%2Fy']],
    ['/x%2fy', ['/x%2Fy']],
    ['/100%25', ['/100%25']],
    // Decoded once and only once.
    ['/%2561dmin', []],
    ['/files/%252e%252e', ['/files/:name']],
    ['/%252e%252e/admin', []],
    ['*', []],
    ['http://host/admin', admin],
    ['http://host:8080/admin?q', admin],
    ['https://[::1]/ADMIN/', admin],
    ['http://host', []],
    ['http://host?/admin', []],
  ]
  for (const [path, patterns] of honest) {
    it(`${JSON.stringify(path)} falls under ${patterns.join(' and ') || 'no rule'}`, () => {
      assert.deepEqual(look(routes, path), patterns)
    })
  }

  const tricks: readonly string[] = [
    // Letters that need no encoding.
    '/%61dmin',
    '/%41DMIN',
    '/admi%6E/users',
    '/%40me',
    // Slashes.
    '//admin',
    '/admin//',
    '///admin',
    '/%66iles/a%2Fb',
    '/files//a',
    '/files//a%2Fb',
    '/%2Fadmin',
    '/%2fadmin%2fusers',
    '/admin%2Fusers',
    '/x/y%2f..%2f..%2fadmin',
    // To `new URL(target, base)` this is the path "/admin" of the host "x".
    '//x/admin',
    '///x/admin',
    '/\\x/admin',
    '//x\\admin',
    '//x/%61dmin',
    '//x/y/../admin',
    // Dots.
    '/x/../admin',
    '/x/..//admin',
    '/./admin',
    '/admin/.',
    '/files/a/../../admin',
    '/x/../files/a%2Fb',
    '//x/files/a%2Fb',
    '/files/..%2fadmin',
    '/files/%2e%2e%2fadmin',
    '/files/%2E%2E/admin',
    '/files/.%2e/admin',
    '/files/..',
    '/admin/..',
    '/admin/x/../../files/a',
    '/admin//..',
    '/admin/x//../..',
    // Backslashes.
    '/x\\..\\admin',
    '/admin\\users',
    '/admin\\',
    '/%5Cadmin',
    '/x%5c..%5cadmin',
    '/files\\a',
    // A broken encoding beside a good one.
    '/%ff/../admin',
    '/%zz%2f..%2fadmin',
    '/x%2f%ff%2f..%2f..%2fadmin',
    '/%61%64min/%c3',
    // To a router that folds case by Unicode, KELVIN SIGN is a k.
    '/%E2%84%AAoa',
    '/\u212aoa',
    // The parser that Express and Koa use trims the target.
    '/admin\u00a0',
    '/admin ',
    '/admin\t',
    '/admin\ufeff',
    // Targets of no form; that parser finds "/admin" in some of them and in others something else.
    'admin',
    '',
    'http:/admin',
    'http:\\\\host\\admin',
    'http://host\\admin',
    'http://a;b/admin',
    "http://a'b/admin",
    'http://a%2fb/admin',
    'http:///admin',
    'http://user@host/admin',
    'http://a:b/admin',
    'javascript:/admin',
  ]
  for (const path of tricks) {
    it(`${JSON.stringify(path)} is refused`, () => assert.equal(look(routes, path), ambiguous))
  }

  it('is refused for no reason but a rule of its own', () => {
    const everywhere = { '/**': {} }
    for (const path of [...tricks, ...honest.map(([path]) => path)]) {
      assert.deepEqual(look(everywhere, path), ['/**'], path)
      assert.deepEqual(look({}, path), [], path)
    }
    // The same rules hold, whichever way it is read.
    assert.deepEqual(look({ '/**': {}, '/admin': {} }, '/x/../y'), ['/**'])
    assert.deepEqual(look({ '/files/**': {} }, '/files//a%2fb/./c'), ['/files/**'])
  })

  it('is explained or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (path) => {
        look(routes, path)
        look(routes, `/${path}`)
        assert.equal(typeof pathOf(path), 'string')
      }),
    )
  })
})

/** Patterns as parts, and the routes that they make. */
const tables = fc
  .uniqueArray(
    fc
      .array(fc.constantFrom('a', 'b', 'k', 'é', '*', '**', 'a%2fb'), { minLength: 1, maxLength: 3 })
      .filter((parts) => parts.filter((part) => part === '**').length < 2),
    { minLength: 1, maxLength: 8, selector: (parts) => parts.join('/') },
  )
  .map((list) => list.map((parts) => ({ methods: [], parts, source: `/${parts.join('/')}` })))
const trickyPath = fc
  .array(
    fc.constantFrom(
      ...[
        'a',
        'b',
        'k',
        'A',
        'B',
        'K',
        'x',
        '%61',
        '%41',
        '%62',
        '%6B',
        '%c3%a9',
        '%C3%89',
        '\u00e9',
        '%E2%84%AA',
        '\u212a',
      ],
      ...['/', '/', '/', '//', '%2f', '%2F', '\\', '%5c', '.', '..', '%2e', '%2E%2e', '/../', '/./', '/..'],
      ...['%', '%zz', '%25', '%2561', '%ff', '%c3', '%00', ';', '|', '%7c'],
    ),
    { maxLength: 8 },
  )
  .map((pieces) => `/${pieces.join('')}`)

/** Every escape that can be decoded is, byte sequences as far as they are UTF-8. */
const decodeLeniently = (text: string): string =>
  text.split(/(%[\da-f]{2})/i).reduce<{ bytes: number[]; text: string }>(
    (so, piece) => {
      if (/^%[\da-f]{2}$/i.test(piece))
        return { bytes: [...so.bytes, Number.parseInt(piece.slice(1), 16)], text: so.text }
      if (piece === '') return so
      return { bytes: [], text: so.text + Buffer.from(so.bytes).toString('utf8') + piece }
    },
    { bytes: [], text: '' },
  ).text

const same = (literal: string, segment: string): boolean =>
  decodeURIComponent(literal).toLowerCase() === segment.toLowerCase()

/** What a file server makes of a path: decoded, then resolved. */
const fileServer = (path: string): string =>
  decodeLeniently(`${path}\n`)
    .slice(0, -1)
    .replaceAll('\\', '/')
    .split('/')
    .reduce<string[]>((out, part) => {
      if (part === '..') out.pop()
      else if (part !== '' && part !== '.') out.push(part)
      return out
    }, [])
    .map((part) => `/${part}`)
    .join('') || '/'

/** What `new URL` makes of it, which also resolves encoded dots, and a framework that then decodes by segments. */
const whatwg = (path: string): readonly string[] | undefined => {
  if (!URL.canParse(path, 'http://host')) return undefined
  const segments = segmentsOf(new URL(path, 'http://host').pathname)
  return segments.map((segment) => {
    try {
      return decodeURIComponent(segment)
    } catch {
      return segment
    }
  })
}

describe('no trick', () => {
  it('brings a path under fewer rules than the path that a file server finds', () => {
    fc.assert(
      fc.property(tables, trickyPath, (patterns, path) => {
        const found = look(Object.fromEntries(patterns.map(({ source }) => [source, {}])), path)
        if (found === ambiguous) return
        const owed = naiveMatch(patterns, 'GET', segmentsOf(fileServer(path)), same)
        for (const { source } of owed)
          assert.ok(found.includes(source), `${source} holds for ${fileServer(path)}`)
      }),
      { numRuns: 3000 },
    )
  })

  it('brings a path under fewer rules than the path that new URL finds', () => {
    fc.assert(
      fc.property(tables, trickyPath, (patterns, path) => {
        const found = look(Object.fromEntries(patterns.map(({ source }) => [source, {}])), path)
        const segments = whatwg(path)
        if (found === ambiguous || !segments) return
        const owed = naiveMatch(patterns, 'GET', segments.filter(Boolean), same)
        for (const { source } of owed)
          assert.ok(found.includes(source), `${source} holds for ${segments.join('/')}`)
      }),
      { numRuns: 3000 },
    )
  })

  it('brings a path under other rules than those of the route that a router finds', () => {
    // As path-to-regexp compares, but that a character outside ASCII is the same encoded and not.
    const router = (literal: string, segment: string): boolean =>
      new RegExp(`^${literal}$`, 'i').test(
        segment.replace(/%c3%[89ab][\da-f]|%e2%84%aa/gi, (character) => decodeURIComponent(character)),
      )
    fc.assert(
      fc.property(tables, trickyPath, (patterns, path) => {
        const found = look(Object.fromEntries(patterns.map(({ source }) => [source, {}])), path)
        if (found === ambiguous) return
        const own = naiveMatch(patterns, 'GET', segmentsOf(path), router).map(({ source }) => source)
        assert.deepEqual(found, own)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('lower case', () => {
  it('makes ASCII of two letters outside of it, which is why they are left alone', () => {
    const strays: string[] = []
    for (let code = 128; code < 0x11_0000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue
      const letter = String.fromCodePoint(code)
      if (/[\0-\x7f]/.test(letter.toLowerCase())) strays.push(code.toString(16))
    }
    assert.deepEqual(strays, ['130', '212a'])
  })
})
