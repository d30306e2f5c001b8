import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Ended, fixture, millrace } from './millrace.ts'

describe('millrace check', { concurrency: 2 }, () => {
  it('counts what is configured', async () => {
    assert.deepEqual(await millrace('good', 'check'), {
      code: 0,
      stdout: 'routes   4\ncalls    1\nplugins  2\n',
      stderr: '',
    })
  })

  it('prints JSON', async () => {
    const { code, stdout, stderr } = await millrace('good', 'check', '--json')
    assert.deepEqual(JSON.parse(stdout), { routes: 4, calls: 1, plugins: 2, unused: [] })
    assert.deepEqual([code, stderr], [0, ''])
  })

  it('warns of a plugin that nothing switches on, and ends although the module keeps the process', async () => {
    const stderr = 'warning: plugin "keep" is installed, but no rule of the table switches it on\n'
    assert.deepEqual(await millrace('open', 'check'), {
      code: 0,
      stdout: 'routes   1\ncalls    0\nplugins  2\n',
      stderr,
    })
    const machines = await millrace('open', 'check', '--json')
    assert.deepEqual(JSON.parse(machines.stdout), { routes: 1, calls: 0, plugins: 2, unused: ['keep'] })
    assert.deepEqual([machines.code, machines.stderr], [0, stderr])
  })

  it('says every mistake of the module on a line of its own', async () => {
    const problems = [
      'millrace.config.js: routes["GET /cities/:id"].keep.tll: unknown option; did you mean "ttl"? (options: ttl, key)',
      'millrace.config.js: routes["/search"].kepe: no plugin of that name is installed; did you mean "keep"? (installed: keep)',
    ]
    const stderr = `${problems.join('\n')}\n`
    assert.deepEqual(await millrace('wrong', 'check'), { code: 1, stdout: '', stderr })
    const machines = await millrace('wrong', 'check', '--json')
    assert.deepEqual(JSON.parse(machines.stdout), { problems })
    assert.deepEqual([machines.code, machines.stderr], [1, stderr])
  })

  it('takes another module', async () => {
    assert.equal((await millrace('empty', 'check', '--config', '../good/millrace.config.ts')).code, 0)
    const { code, stderr } = await millrace('good', 'check', '--config', '../wrong/millrace.config.js')
    assert.equal(code, 1)
    assert.match(stderr, /^\.\.\/wrong\/millrace\.config\.js: routes/)
  })

  it('says which module is not there', async () => {
    assert.deepEqual(await millrace('empty', 'check'), {
      code: 1,
      stdout: '',
      stderr:
        'no millrace.config.ts, millrace.config.mts, millrace.config.js, millrace.config.mjs in ' +
        `${fixture('empty')}; name another with --config\n`,
    })
    assert.deepEqual(await millrace('good', 'check', '--config', 'gone.ts'), {
      code: 1,
      stdout: '',
      stderr: 'gone.ts: no such file\n',
    })
  })

  it('says that a module exports no Millrace, and what it exports', async () => {
    assert.deepEqual(await millrace('nameless', 'check'), {
      code: 1,
      stdout: '',
      stderr: 'millrace.config.mts: expected a Millrace as the named export "mill"; it exports app, mil\n',
    })
    assert.deepEqual(await millrace('default', 'check'), {
      code: 1,
      stdout: '',
      stderr:
        'millrace.config.ts: expected a Millrace as the named export "mill"; it exports default\n' +
        'millrace.config.ts: write "export const mill", not "export default"\n',
    })
  })

  it('says what a module throws, and where', async () => {
    const { code, stdout, stderr } = await millrace('throws', 'check')
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(
      stderr,
      /^millrace\.config\.mjs: failed to load: Error: DATABASE_URL is not set\n {4}at .*millrace\.config\.mjs:1:7\n/,
    )
  })
})

describe('millrace check --table', { concurrency: 2 }, () => {
  for (const [file, routes] of [
    ['table.yaml', 3],
    ['table.json', 1],
  ] as const) {
    it(`checks ${file} in the place of the module's own table`, async () => {
      const { code, stdout } = await millrace('good', 'check', '--table', file, '--json')
      assert.equal(code, 0)
      assert.equal(JSON.parse(stdout).routes, routes)
    })
  }

  /** Runs where the table is the only file. */
  const checkText = async (file: string, text: string): Promise<Ended> => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
    try {
      writeFileSync(join(folder, file), text)
      return await millrace(folder, 'check', '--config', fixture('good/millrace.config.ts'), '--table', file)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  const mistakes: readonly (readonly [file: string, text: string, ...problems: readonly string[]])[] = [
    [
      'duplicate.yml',
      `routes:
  GET /cities/:id: { keep: 5m }
  /**: { watch: true }
  GET /cities/:id: { keep: 1m }
`,
      'duplicate.yml:4:3: Map keys must be unique',
    ],
    [
      'duplicate.json',
      `{
\t"routes": {
\t\t"/**": { "watch": true, "watch": false }
\t}
}`,
      'duplicate.json:3:27: Map keys must be unique',
    ],
    [
      'mistakes.yaml',
      `routes:
  GET /cities/:id:
    keep:
      tll: 5m
  /search: { kepe: true }
  /report:
    keep: { ttl: 5 lightyears }
calls:
  city.find: { watch: true }
`,
      'mistakes.yaml:4:7: routes["GET /cities/:id"].keep.tll: unknown option; did you mean "ttl"? (options: ttl, key)',
      'mistakes.yaml:5:14: routes["/search"].kepe: no plugin of that name is installed; did you mean "keep"? (installed: watch, keep)',
      'mistakes.yaml:7:13: routes["/report"].keep.ttl: expected a duration such as "5m" or 300 (seconds), got "5 lightyears"',
      'mistakes.yaml:9:16: calls["city.find"].watch: the plugin "watch" works on routes, not on calls',
    ],
    [
      'list.yaml',
      'routes:\n  - /a: { keep: true }\n',
      'list.yaml:1:1: routes: expected an object of patterns and their rules, got [{"/a":{"keep":true}}]',
    ],
    [
      'syntax.yaml',
      'routes:\n  /a: [1\n  /b: {}\n',
      'syntax.yaml:3:3: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['tag.yaml', 'routes:\n  /a: { keep: !minutes 5 }\n', 'tag.yaml:2:15: Unresolved tag: !minutes'],
    [
      'alias.yaml',
      'routes:\n  /a: *nobody\n',
      'alias.yaml: Unresolved alias (the anchor must be set before the alias): nobody',
    ],
    ['empty.yaml', '', 'empty.yaml: expected an object with "routes", "calls" or both'],
    [
      'top.yaml',
      'route:\n  /a: { keep: true }\n',
      'top.yaml:1:1: configure(): unknown option "route"; did you mean "routes"? (options: routes, calls)',
    ],
  ]
  for (const [file, text, ...problems] of mistakes) {
    it(`finds what is wrong in ${file}`, async () => {
      const stderr = `${problems.join('\n')}\n`
      assert.deepEqual(await checkText(file, text), { code: 1, stdout: '', stderr })
    })
  }

  it('takes no JSON that JSON.parse would not', async () => {
    const { code, stderr } = await checkText(
      'comment.json',
      '{\n  // JSON has no comments\n  "routes": {}\n}\n',
    )
    assert.equal(code, 1)
    assert.match(stderr, /^comment\.json: not JSON: .*\n$/)
  })

  it('says that a file is not there', async () => {
    const { code, stdout, stderr } = await millrace('good', 'check', '--table', 'gone.yaml', '--json')
    assert.equal(code, 1)
    assert.match(stderr, /^gone\.yaml: ENOENT: .*\n$/)
    assert.deepEqual(JSON.parse(stdout), { problems: [stderr.trimEnd()] })
  })
})
