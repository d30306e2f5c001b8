import { cache } from '@millrace/cache'
import { type Millrace, millrace, type RouteRules } from '@millrace/core'
import { timing } from '@millrace/timing'

const plugins = [timing(), cache()] as const

// What may be said.
const mill = millrace({
  plugins: [timing(), cache()],
  routes: {
    '/**': { timing: true },
    'GET /cities/:id': { cache: { ttl: '5m' }, timing: { metric: 'app' } },
    'GET /search': { cache: '30s' },
    'GET /live': { cache: false },
    'GET /ten': { cache: 10 },
    '/nothing': {},
  },
  calls: { 'city.*': { timing: true }, '**': {} },
})
mill satisfies Millrace
mill.configure({ routes: { '/a': { cache: true } } })
mill.configure({ calls: {} })
mill.inline({ cache: '10m', timing: { expose: 'nobody' } })
millrace({ plugins })
millrace({ plugins: [] })
const later: RouteRules<typeof plugins> = { cache: '5m' }
millrace({ plugins, routes: { '/a': later, '/b': { ...later, timing: true } } })

// A name that no plugin has.
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/a': { cahce: true } },
})
// A plugin that is not installed.
millrace({
  plugins: [timing()],
  // @ts-expect-error
  routes: { '/a': { cache: true } },
})
// An option that the plugin does not have.
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/a': { cache: { tll: '5m' } } },
})
// An option of another type.
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/a': { timing: { metric: 5 } } },
})
// A short form that the plugin does not have.
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/a': { timing: '5m' } },
})
// A mistake beside what is right.
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/**': { timing: true }, 'GET /a': { cache: { ttl: '5m', wait: true } } },
})
// Null, which JSON knows, is none of the ways to switch off.
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/a': { cache: null } },
})
// The options of Millrace itself.
millrace({
  plugins,
  // @ts-expect-error
  routs: {},
})
// @ts-expect-error
millrace({ routes: {} })
// A factory that was not called.
// @ts-expect-error
millrace({ plugins: [timing] })

// The same holds wherever rules are written.
// @ts-expect-error
mill.configure({ routes: { '/a': { cahce: true } } })
// @ts-expect-error
mill.configure({ plugins: [] })
// @ts-expect-error
mill.inline({ cahce: '10m' })
// @ts-expect-error
mill.inline({ cache: { ttl: [] } })
millrace({
  plugins,
  // @ts-expect-error
  calls: { 'city.*': { timings: true } },
})

// A table file is checked at start-up.
millrace({ plugins, routes: JSON.parse('{}') })
const file: { routes: Record<string, { cache: string }> } = { routes: {} }
millrace({ plugins, routes: file.routes })
const unread: unknown = {}
// @ts-expect-error
millrace({ plugins, routes: unread })
