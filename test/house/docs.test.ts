import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { blocksOf, checkLinks, checkTypes, runExtract, writeProgram } from './docs.ts'
import { assertFound, assertNone } from './finding.ts'
import { type File, readFiles, root } from './workspace.ts'

const pages = readFiles('.md')
const program = writeProgram(
  pages.flatMap((page) => blocksOf(page).blocks),
  'docs',
)

test('every code block of the documentation begins as agreed', () => {
  assertNone(pages.flatMap((page) => blocksOf(page).findings))
})

test('every code block of the documentation compiles', async () => {
  assertNone(await checkTypes(program))
})

for (const extract of program.extracts.filter(({ run }) => run)) {
  test(`${extract.page}:${extract.lines[0]} runs`, async () => {
    assertNone(await runExtract(program, extract))
  })
}

test('every link of the documentation leads somewhere', () => {
  assertNone(checkLinks(pages, (path) => existsSync(join(root, path))))
})

const page = (...lines: string[]): File => ({ path: 'docs/page.md', text: lines.join('\n') })

test('a fence says what is done with its block', () => {
  const { blocks, findings } = blocksOf(
    page(
      '```ts',
      'a',
      '```',
      '1. in a list',
      '   ~~~ts run file=b.ts',
      '   b',
      '     ```',
      '   ~~~',
      '```ts ignore',
      'c',
      '```',
      '```sh',
      'npm start',
      '```',
      '```yaml file=routes.yaml',
      'd: true',
      '```',
    ),
  )
  assertNone(findings)
  assert.deepEqual(
    blocks.map(({ line, file, run, code }) => ({ line, file, run, code })),
    [
      { line: 2, file: 'block-2.ts', run: false, code: ['a'] },
      { line: 6, file: 'b.ts', run: true, code: ['b', '  ```'] },
      { line: 16, file: 'routes.yaml', run: false, code: ['d: true'] },
    ],
  )
})

test('a fence that would slip through is reported', () => {
  assertFound(
    blocksOf(page('```typescript', '```', '```ts rnu', '```', '```ts file=../a.ts', '```')).findings,
    'docs/page.md:1 write ts, so that the block is checked',
    'docs/page.md:3 "rnu" after ts: expected file=<name>, run or ignore',
    "docs/page.md:5 file=../a.ts is outside the page's folder",
  )
})

test('code that does not compile is reported at its line of the page', async () => {
  const { blocks } = blocksOf(
    page(
      '```ts file=a.ts',
      'export const count: number = 1',
      '```',
      'and then, in the same file',
      '```ts file=a.ts',
      "export const wrong: number = 'a'",
      '```',
      '```ts',
      "import { count } from './a.ts'",
      "import { Nothing } from '@millrace/core'",
      'const text: string = count',
      '```',
      '```ts',
      'const text = 1',
      '```',
    ),
  )
  assertFound(
    await checkTypes(writeProgram(blocks, 'fixture-types')),
    /^docs\/page\.md:6 .*TS2322/,
    /^docs\/page\.md:10 .*TS2305.*Nothing/,
    /^docs\/page\.md:11 .*TS2322/,
  )
})

test('code that fails, hangs or cannot start is reported at its line of the page', async () => {
  const { blocks } = blocksOf(
    page(
      '```json file=answer.json',
      '42',
      '```',
      '```ts run',
      "import { readFileSync } from 'node:fs'",
      "import type {} from '@millrace/core'",
      "if (readFileSync('answer.json', 'utf8').trim() !== '42') throw new Error('no answer')",
      '```',
      '```ts run',
      'const fine = 1',
      "throw new Error('as expected')",
      '```',
      '```ts run',
      "process.stdin.resume(); setInterval(() => console.log('busy'), 10)",
      '```',
      '```ts run',
      'void Promise.reject(new Error("nobody listens"))',
      '```',
    ),
  )
  const fixture = writeProgram(blocks, 'fixture-run')
  const [, fine, throws, hangs, rejects] = fixture.extracts
  assert(fine && throws && hangs && rejects)
  assertNone(await runExtract(fixture, fine))
  assertFound(await runExtract(fixture, throws), /^docs\/page\.md:11 ended with 1\n.*as expected/s)
  assertFound(await runExtract(fixture, hangs, 500), /^docs\/page\.md:14 still ran after 0\.5 s/)
  assertFound(await runExtract(fixture, rejects), /^docs\/page\.md:17 ended with 1\n.*nobody listens/s)
})

test('a link that leads nowhere is reported', () => {
  const other: File = { path: 'docs/other.md', text: '# What it *is*: a `Map`, and more\n## Twice\n## Twice' }
  const links = page(
    '[site](https://example.com) [mail](mailto:a@example.com) [up](../README.md "title") ![image](<gone.png>)',
    '[other](other.md#what-it-is-a-map-and-more) [again](./other.md#twice-1) [self](#here) [folder](.)',
    '[gone](./gone.md) [heading](other.md#gone) [here](#nowhere)',
    '`[code](gone.md)` and <a href="gone.html">html</a>',
    '```md',
    '[fenced](gone.md)',
    '```',
    '# Here',
    '',
    '[reference]: ../gone.md',
  )
  const there = ['README.md', 'docs/other.md', 'docs/page.md', 'docs']
  assertFound(
    checkLinks([links, other], (path) => there.includes(path)),
    'docs/page.md:1 links to gone.png, which is not there',
    'docs/page.md:3 links to ./gone.md, which is not there',
    'docs/page.md:3 links to other.md#gone, which has no such heading',
    'docs/page.md:3 links to #nowhere, which has no such heading',
    'docs/page.md:4 links to gone.html, which is not there',
    'docs/page.md:10 links to ../gone.md, which is not there',
  )
})
