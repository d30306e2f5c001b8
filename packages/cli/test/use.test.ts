import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { millrace } from './millrace.ts'

describe('millrace', { concurrency: 2 }, () => {
  it('prints its use', async () => {
    const { code, stdout, stderr } = await millrace('empty', 'check', '--help')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^Usage: millrace <command>/)
    const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
    assert.ok(readme.includes(stdout), 'README.md shows what --help prints')
  })

  it('prints its version', async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'))
    assert.deepEqual(await millrace('empty', '--version'), {
      code: 0,
      stdout: `${manifest.version}\n`,
      stderr: '',
    })
  })

  it('prints the JSON Schema of a table file', async () => {
    const { code, stdout, stderr } = await millrace('good', 'schema')
    assert.deepEqual([code, stderr], [0, ''])
    const schema = JSON.parse(stdout)
    assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    assert.deepEqual(Object.keys(schema.properties), ['$schema', 'routes', 'calls'])
    const rules = schema.properties.routes.additionalProperties.properties
    assert.deepEqual(Object.keys(rules), ['watch', 'keep'])
    assert.deepEqual(Object.keys(rules.keep.anyOf[2].properties), ['ttl', 'key'])
  })

  const wrongUses: readonly (readonly [args: readonly string[], message: string])[] = [
    [[], 'Expected a command: check, explain, schema, rules or dashboard.'],
    [['chekc'], 'Unknown command "chekc": expected check, explain, schema, rules or dashboard.'],
    [['check', 'now'], 'check takes no arguments, got now'],
    [['check', '--config'], "Option '--config <value>' argument missing"],
    [['check', '--table', 'x.txt'], '--table x.txt: expected a file that ends in .yaml, .yml, .json'],
    [['explain'], 'explain takes a method and a path, as in: millrace explain GET /cities/5'],
    [
      ['explain', 'GET', '/a', '/b'],
      'explain takes a method and a path, as in: millrace explain GET /cities/5',
    ],
    [['explain', '/a', 'GET'], 'expected a method such as GET, got "/a"'],
    [['explain', 'GET', 'a'], 'expected a path that starts with "/", got "a"'],
    [['constructor'], 'Unknown command "constructor": expected check, explain, schema, rules or dashboard.'],
    [['schema', '--json'], 'schema takes no --json'],
    [['check', '--slow', '1s', '--title', 'x'], 'check takes no --slow and no --title'],
    [['rules'], 'rules takes the job that Prometheus scrapes the app as, as in: millrace rules shop'],
    [
      ['rules', 'a', 'b'],
      'rules takes the job that Prometheus scrapes the app as, as in: millrace rules shop',
    ],
    [['rules', 'a', '--json'], 'rules takes no --json'],
    [['rules', 'a', '--slow', 'fast'], '--slow fast: expected a duration such as 250ms'],
    [['rules', 'a', '--loop-delay', '0'], '--loop-delay 0: expected a duration such as 250ms'],
    [['rules', 'a', '--memory', '100'], '--memory 100: expected a percentage between 0 and 100, such as 95'],
    [['rules', 'a', '--within', 'all'], '--within all: expected a percentage between 0 and 100, such as 95'],
    [['dashboard', 'x'], 'dashboard takes no arguments, got x'],
    [['dashboard', '--table', 'x.yaml'], 'dashboard takes no --table'],
  ]
  for (const [args, message] of wrongUses) {
    it(`does not take: millrace ${args.join(' ')}`, async () => {
      assert.deepEqual(await millrace('good', ...args), {
        code: 2,
        stdout: '',
        stderr: `${message}\nSee millrace --help.\n`,
      })
    })
  }

  it('takes no unknown option', async () => {
    const { code, stdout, stderr } = await millrace('good', 'check', '--tabel', 'x.yaml')
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^Unknown option '--tabel'.*\nSee millrace --help\.\n$/)
  })
})
