import { test } from 'node:test'
import { assertFound, assertNone } from './finding.ts'
import { checkImports } from './imports.ts'
import { type File, type Manifest, type Room, readFiles, readRooms } from './workspace.ts'

const room = (path: string, manifest: Partial<Manifest> = {}): Room => ({
  path,
  manifest: {
    name: `@millrace/${path.slice('packages/'.length)}`,
    exports: { '.': { '@millrace/source': './src/index.ts' }, './package.json': './package.json' },
    ...manifest,
  },
  references: [],
  files: [],
})

const core = '@millrace/core'
const rooms = (...changed: Room[]): Room[] => {
  const all = [
    room('', { name: 'workspace' }),
    room('test', { name: 'tests', dependencies: { [core]: 'workspace:*' } }),
    room('packages/core'),
    room('packages/node'),
    room('packages/testing'),
    room('packages/timing'),
    room('packages/cache'),
  ]
  return all.map((each) => changed.find(({ path }) => path === each.path) ?? each)
}

const file = (path: string, text: string): File => ({ path, text })

test('every import of the workspace keeps the rules', () => {
  assertNone(checkImports(readFiles('.ts'), readRooms()))
})

test('core imports nothing of ours', () => {
  const files = [file('packages/core/src/a.ts', `import type { Writer } from '@millrace/node'`)]
  assertFound(
    checkImports(files, rooms(room('packages/core', { dependencies: { '@millrace/node': '*' } }))),
    'packages/core/src/a.ts:1 imports @millrace/node; core may import nothing of ours',
  )
})

test('a plugin imports core alone, and testing in its tests', () => {
  const cache = room('packages/cache', {
    dependencies: { [core]: '*', '@millrace/timing': '*' },
    devDependencies: { '@millrace/testing': '*' },
  })
  const files = [
    file('packages/cache/src/cache.ts', `import '${core}'\n\nexport type { Event } from '@millrace/timing'`),
    file(
      'packages/cache/test/cache.test.ts',
      `import { fake } from '@millrace/testing'\nimport '../src/cache.ts'`,
    ),
  ]
  assertFound(
    checkImports(files, rooms(cache)),
    'packages/cache/src/cache.ts:3 imports @millrace/timing; cache may import core',
  )
})

test('testing stays out of what is published', () => {
  const cache = room('packages/cache', { dependencies: { '@millrace/testing': '*' } })
  assertFound(
    checkImports([file('packages/cache/src/a.ts', `import '@millrace/testing'`)], rooms(cache)),
    /imports @millrace\/testing; cache may import core/,
  )
})

test('packages meet by name, never by path', () => {
  const files = [
    file('packages/timing/src/a.ts', `import '../../core/src/clock.ts'`),
    file('packages/timing/src/b.ts', `type Text = import('@millrace/core/src/text.ts').Text`),
    file('packages/timing/src/c.ts', `export * from '../test/fixture.ts'`),
    file('packages/timing/src/d.ts', `import '@millrace/timing'`),
    file('test/e.test.ts', `const { clock } = await import('../packages/core/src/clock.ts')`),
    file('packages/timing/src/f.ts', `import '../../../test/fixture.ts'`),
  ]
  assertFound(
    checkImports(files, rooms()),
    'packages/timing/src/a.ts:1 imports a file of packages/core by its path',
    'packages/timing/src/b.ts:1 imports @millrace/core/src/text.ts, which @millrace/core does not export',
    'packages/timing/src/c.ts:1 imports packages/timing/test/fixture.ts, which is not published',
    'packages/timing/src/d.ts:1 imports its own package by name',
    'test/e.test.ts:1 imports a file of packages/core by its path',
    'packages/timing/src/f.ts:1 imports a file of test by its path',
  )
})

test('what is imported is declared, for users in dependencies', () => {
  const cache = room('packages/cache', { devDependencies: { 'lru-cache': '*', '@scope/types': '*' } })
  const files = [
    file('packages/cache/src/a.ts', `import type { LRUCache } from 'lru-cache'\nimport fs from 'node:fs'`),
    file('packages/cache/src/b.ts', `declare module '@scope/types/deep' {}`),
    file('packages/cache/test/c.test.ts', `import 'lru-cache'\nimport 'express'`),
    file('test/d.test.ts', `import '@millrace/cache'`),
  ]
  const missing = 'which is not in the dependencies'
  assertFound(
    checkImports(files, rooms(cache)),
    `packages/cache/src/a.ts:1 imports lru-cache, ${missing} or peerDependencies of packages/cache/package.json`,
    `packages/cache/src/b.ts:1 imports @scope/types, ${missing} or peerDependencies of packages/cache/package.json`,
    `packages/cache/test/c.test.ts:2 imports express, ${missing} of packages/cache/package.json`,
    `test/d.test.ts:1 imports @millrace/cache, ${missing} of test/package.json`,
  )
})

test('what is declared for users is imported', () => {
  assertFound(
    checkImports([], rooms(room('packages/cache', { dependencies: { zod: '*' } }))),
    /^packages\/cache\/package.json:\d+ depends on zod, which nothing in its src imports$/,
  )
})

test('the response of the host belongs to node', () => {
  const text = `import type { ServerResponse } from 'node:http'\n/** Not a ServerResponse. */\nexport type Native = Http2ServerResponse`
  const files = [
    file('packages/node/src/a.ts', text),
    file('packages/core/src/a.ts', text),
    file('packages/testing/src/a.ts', `import { createServer } from 'node:http'\nimport 'node:http2'`),
    file(
      'packages/timing/src/a.ts',
      `type Response = import('node:http2').Http2ServerResponse\nimport 'http'`,
    ),
    file('packages/timing/test/a.test.ts', `import 'node:http'`),
  ]
  const only = 'only packages/node and packages/testing may'
  assertFound(
    checkImports(files, rooms()),
    `packages/core/src/a.ts:1 imports node:http; ${only}`,
    'packages/core/src/a.ts:1 names ServerResponse; only packages/node may',
    'packages/core/src/a.ts:3 names Http2ServerResponse; only packages/node may',
    `packages/timing/src/a.ts:1 imports node:http2; ${only}`,
    `packages/timing/src/a.ts:2 imports http; ${only}`,
    'packages/timing/src/a.ts:1 names Http2ServerResponse; only packages/node may',
  )
})

test('no import cycles, in types neither, and across packages neither', () => {
  const node = room('packages/node', { dependencies: { [core]: '*' } })
  const files = [
    file('packages/core/src/index.ts', `export * from './a.ts'`),
    file('packages/core/src/a.ts', `import type { B } from './b.ts'`),
    file('packages/core/src/b.ts', `\nexport type B = import('./a.ts').A`),
    file('packages/node/src/index.ts', `import '@millrace/core'\nimport './index.ts'`),
    file('packages/core/test/a.test.ts', `import '../src/index.ts'\nimport '@millrace/core'`),
  ]
  assertFound(
    checkImports(files, rooms(node)),
    'packages/core/src/b.ts:2 import cycle: packages/core/src/a.ts → packages/core/src/b.ts → packages/core/src/a.ts',
    'packages/node/src/index.ts:2 import cycle: packages/node/src/index.ts → packages/node/src/index.ts',
  )
  const across = [
    file('packages/core/src/index.ts', `import '@millrace/node'`),
    file('packages/node/src/index.ts', `import '@millrace/core'`),
  ]
  const both = rooms(node, room('packages/core', { dependencies: { '@millrace/node': '*' } }))
  assertFound(checkImports(across, both), /core may import nothing of ours/, /import cycle/)
})
