import { test } from 'node:test'
import { checkFiles, checkNames } from './files.ts'
import { assertFound, assertNone } from './finding.ts'
import { readFiles } from './workspace.ts'

const found = (text: string, path = 'packages/cache/src/cache.ts'): ReturnType<typeof checkFiles> =>
  checkFiles([{ path, text }])

test('every file of the workspace keeps the rules', () => {
  const files = readFiles('.ts', '.mjs')
  assertNone([...checkFiles(files), ...checkNames(files)])
})

test('a file holds one noun', () => {
  assertNone(found('export {}\n'.repeat(350)))
  assertFound(found('export {}\n'.repeat(351)), /cache\.ts:351 has 351 lines/)
})

test('names say what is inside', () => {
  const named = (path: string): { path: string; text: string } => ({ path, text: '' })
  assertFound(checkFiles([named('packages/core/src/utils/path.ts')]), /is named utils/)
  assertFound(
    checkNames(['test/helpers.ts', 'scripts/common.mjs', 'test/utility-pole.ts'].map(named)),
    /helpers/,
    /common/,
  )
})

test('functions are named before they are put on objects', () => {
  assertFound(
    found('res.end = () => 1\nthis.write = function () {}\nres[name] = async () => {}'),
    /:1 assigns a function literal/,
    /:2 assigns/,
    /:3 assigns/,
  )
  assertNone(found('const end = () => 1\nres.end = end\nlet f\nf = () => 2'))
})

test('the compiler is not silenced', () => {
  assertFound(
    found(
      '// @ts-ignore\n/* @ts-expect-error */\nexport const a = b as any\nexport const c = b as never\nexport const d = b as unknown as string',
    ),
    /:1 .*@ts-ignore/,
    /:2 .*@ts-expect-error/,
    /:3 casts the type away/,
    /:4 casts the type away/,
    /:5 casts through unknown/,
  )
  assertNone(found(`export const text = '@ts-ignore'\nexport const a = b as unknown`))
})

test('time and randomness come from the clock', () => {
  const text = [
    `import { setTimeout as sleep } from 'node:timers/promises'`,
    'setTimeout(() => {}, 1)',
    'globalThis.setInterval(() => {}, 1)',
    'const now = Date.now',
    'new Date()',
    'Math.random() + performance.now()',
    'AbortSignal.timeout(1)',
  ].join('\n')
  assertFound(
    found(text),
    /:1 uses node:timers\/promises/,
    /:2 uses setTimeout/,
    /:3 uses globalThis.setInterval/,
    /:4 uses Date.now/,
    /:5 uses new Date\(\)/,
    /:6 uses Math.random/,
    /:6 uses performance.now/,
    /:7 uses AbortSignal.timeout/,
  )
  assertNone(found(text, 'packages/core/src/clock.ts'))
  assertNone(found('new Date(0)\nserver.setTimeout(1)\nclock.now()\n// Date.now()'))
  assertNone(checkFiles([{ path: 'packages/cache/test/cache.test.ts', text }]))
})
