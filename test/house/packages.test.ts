import { test } from 'node:test'
import { assertFound, assertNone } from './finding.ts'
import { checkPackages } from './packages.ts'
import { type Manifest, type Room, readRooms } from './workspace.ts'

const core: Room = {
  path: 'packages/core',
  manifest: {
    name: '@millrace/core',
    version: '1.0.0',
    description: 'The nouns.',
    license: 'MIT',
    type: 'module',
    engines: { node: '>=22' },
    exports: {
      '.': { '@millrace/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    files: ['dist', '!dist/.tsbuildinfo', 'src', 'README.md'],
    publishConfig: { access: 'public' },
  },
  references: [],
  files: ['README.md', 'package.json'],
}
const cache: Room = {
  ...core,
  path: 'packages/cache',
  manifest: { ...core.manifest, name: '@millrace/cache', dependencies: { '@millrace/core': 'workspace:*' } },
  references: ['packages/core'],
}

const rooms = (...published: Room[]): Room[] => [
  {
    path: '',
    manifest: { name: 'workspace' },
    references: published.map(({ path }) => path),
    files: [],
  },
  {
    path: 'test',
    manifest: {
      name: 'test',
      dependencies: Object.fromEntries(published.map(({ manifest }) => [manifest.name, 'workspace:*'])),
    },
    references: [],
    files: [],
  },
  ...published,
]

test('every package of the workspace keeps the rules', () => {
  assertNone(checkPackages(readRooms()))
})

test('packages that keep the rules are left alone', () => {
  assertNone(checkPackages(rooms(core, cache)))
})

const mutations: [field: string, change: Partial<Manifest>, message: RegExp][] = [
  ['name', { name: '@millrace/cash' }, /name: expected @millrace\/cache/],
  ['version', { version: '2.0.0' }, /version: expected 1\.0\.0/],
  ['description', { description: '' }, /description/],
  ['license', { license: 'ISC' }, /license/],
  ['type', { type: 'commonjs' }, /type: expected module/],
  ['private', { private: true }, /private/],
  ['engines', { engines: {} }, /engines\.node/],
  ['publishConfig', { publishConfig: {} }, /publishConfig\.access/],
  ['files', { files: ['dist', 'src'] }, /files: expected dist, !dist\/\.tsbuildinfo, src, README\.md/],
  ['exports without an entry', { exports: {} }, /exports: expected an entry "\."/],
  [
    'exports in another order',
    { exports: { '.': { types: '', '@millrace/source': '', default: '' } } },
    /exports\["\."\]: expected @millrace\/source, types, default/,
  ],
  [
    'a dependency of ours',
    { dependencies: { '@millrace/core': '^1.0.0' } },
    /package\.json:1 @millrace\/core: expected workspace:\*/,
  ],
]
for (const [field, change, message] of mutations) {
  test(`a package with a wrong manifest is reported: ${field}`, () => {
    assertFound(checkPackages(rooms(core, { ...cache, manifest: { ...cache.manifest, ...change } })), message)
  })
}

test('a package without a README is reported', () => {
  assertFound(checkPackages(rooms(core, { ...cache, files: [] })), 'packages/cache/README.md:1 is missing')
})

test('what a package builds on is what it depends on', () => {
  assertFound(
    checkPackages(rooms(core, { ...cache, references: [] })),
    'packages/cache/tsconfig.json:1 references none; its dependencies are packages/core',
  )
  assertFound(
    checkPackages(rooms(core, { ...cache, manifest: { ...cache.manifest, dependencies: {} } })),
    'packages/cache/tsconfig.json:1 references packages/core; its dependencies are none',
  )
})

test('a package that the workspace forgets is reported', () => {
  assertFound(
    checkPackages([...rooms(core), cache]),
    'tsconfig.json:1 references packages/core; the packages are packages/cache, packages/core',
    'test/package.json:1 does not depend on @millrace/cache',
  )
})
