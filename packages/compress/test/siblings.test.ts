import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatHttpDate, HeaderMap, millrace, type Reply, reply } from '@millrace/core'
import { fakeExchange, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { type CompressRule, compress } from '../src/index.ts'
import { isOf, openSibling, Siblings } from '../src/siblings.ts'
import { fileIn } from '../src/siblings-rule.ts'

describe('the file that a path names', () => {
  for (const [prefix, path, file] of [
    ['', '/app.js', '/root/app.js'],
    ['', '/a/b%20c.js', '/root/a/b c.js'],
    ['', '/', '/root/index.html'],
    ['', '/docs/', '/root/docs/index.html'],
    ['', '/%2561', '/root/%61'],
    ['/static', '/static/app.js', '/root/app.js'],
    ['/static', '/static/', '/root/index.html'],
    ['/static', '/static', undefined],
    ['/static', '/statics/app.js', undefined],
    ['/static', '/app.js', undefined],
    ['', '/../secret', undefined],
    ['', '/a/%2e%2e/%2e%2e/secret', undefined],
    ['', '/a%2f..%2f..%2fsecret', undefined],
    ['', '/..%5csecret', undefined],
    ['', '/.env', undefined],
    ['', '/.git/config', undefined],
    ['', '//etc/passwd', undefined],
    ['', '/a%00.js', undefined],
    ['', '/a%', undefined],
    ['', '*', undefined],
  ] as const) {
    it(`${path} under ${prefix || 'nothing'} is ${file ?? 'none'}`, () =>
      assert.equal(fileIn('/root', prefix, path), file))
  }

  it('is never outside of the root', () => {
    const part = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '%2e%2e',
        '%2E.',
        '%2f',
        '/',
        '\\',
        '%5c',
        '%00',
        '',
        'a',
        '%c0%ae',
        '%252e',
      ),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const file = fileIn('/root', '', `/${parts.join('/')}`)
        assert.ok(file === undefined || (file.startsWith(`/root${sep}`) && !file.includes('/.')))
      }),
    )
  })
})

describe('siblings', () => {
  let root: string
  const born = new Date('2026-11-20T10:00:00Z')
  const write = async (name: string, text: string, at = born): Promise<void> => {
    // At once, as a build does it.
    await writeFile(join(root, 'new'), text)
    await utimes(join(root, 'new'), at, at)
    await rename(join(root, 'new'), join(root, name))
  }
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'siblings-'))
  })
  after(() => rm(root, { recursive: true }))

  it('are remembered for a second', async () => {
    const clock = new VirtualClock()
    const siblings = new Siblings()
    await write('a.js', 'a')
    await write('a.js.br', 'b')
    const look = async () =>
      (await siblings.of(join(root, 'a.js'), clock))?.siblings.map(({ coding }) => coding)
    assert.deepEqual(await look(), ['br'])
    await write('a.js.gz', 'c')
    assert.deepEqual(await look(), ['br'])
    await clock.advance(1000)
    assert.deepEqual(await look(), ['br', 'gzip'])
    assert.equal(await siblings.of(join(root, 'none'), clock), undefined)
  })

  it('one from the same second is none that is older', async () => {
    await write('d.js', 'd', new Date('2026-11-20T10:00:00.700Z'))
    await write('d.js.br', 'as old', new Date('2026-11-20T10:00:00Z'))
    await write('d.js.gz', 'older', new Date('2026-11-20T09:59:59Z'))
    const original = await new Siblings().of(join(root, 'd.js'), new VirtualClock())
    assert.deepEqual(
      original?.siblings.map(({ coding }) => coding),
      ['br'],
    )
  })

  it('one that is another by now is not given out', async () => {
    await write('b.js', 'b')
    await write('b.js.br', 'right')
    const original = await new Siblings().of(join(root, 'b.js'), new VirtualClock())
    const sibling = original?.siblings[0]
    assert.ok(sibling)
    assert.deepEqual(await openSibling(sibling), Buffer.from('right'))
    await write('b.js.br', 'wrong', new Date('2026-11-20T10:00:01Z'))
    assert.equal(await openSibling(sibling), undefined)
    await write('b.js.br', 'longer')
    assert.equal(await openSibling(sibling), undefined)
    await rm(join(root, 'b.js.br'))
    assert.equal(await openSibling(sibling), undefined)
  })

  it('a reply is of a file when it is as long and from when it is', () => {
    const original = { size: 5, modified: born.getTime() + 20, siblings: [] }
    const [length, modified] = [
      { 'content-length': '5' },
      { 'last-modified': formatHttpDate(born.getTime()) },
    ]
    for (const [fields, isIt, isItSurely] of [
      [{ ...length, ...modified }, true, true],
      [length, false, true],
      [modified, false, true],
      [{}, false, true],
      [{ ...modified, 'content-length': '6' }, false, false],
      [{ ...length, 'last-modified': formatHttpDate(born.getTime() + 1000) }, false, false],
    ] as const) {
      assert.equal(isOf(HeaderMap.from(fields), original, false), isIt)
      assert.equal(isOf(HeaderMap.from(fields), original, true), isItSurely)
    }
  })

  const ask = async (siblings: CompressRule['siblings'], answer: () => Reply): Promise<Reply> => {
    const mill = millrace({ plugins: [compress()], routes: { '/**': { compress: { siblings } } } })
    const exchange = fakeExchange({ url: '/c.txt', headers: { 'accept-encoding': 'br' }, handler: answer })
    return mill.match('GET', '/c.txt').run(exchange)
  }

  it('a function says which file a reply is of', async () => {
    await write('c.txt', 'x'.repeat(1000))
    await write('c.txt.br', 'as if it were br')
    const answer = (fields: Readonly<Record<string, string>>): Reply =>
      reply(200, { 'content-type': 'text/plain', ...fields }, 'x'.repeat(1000))
    const plainly = (): Reply => answer({})
    const given = await ask(() => join(root, 'c.txt'), plainly)
    assert.deepEqual(given.body, Buffer.from('as if it were br'))
    assert.equal(given.headers.get('content-length'), '16')
    const other = await ask(
      () => join(root, 'c.txt'),
      () => answer({ 'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT' }),
    )
    assert.notDeepEqual(other.body, Buffer.from('as if it were br'))
    const none = await ask(() => undefined, plainly)
    assert.equal(none.headers.get('content-encoding'), 'br')
    assert.notDeepEqual(none.body, Buffer.from('as if it were br'))
    // A folder alone is not enough.
    const unsure = await ask({ root }, plainly)
    assert.notDeepEqual(unsure.body, Buffer.from('as if it were br'))
  })

  it('say what is wrong with their folder', () => {
    const rule = (siblings: CompressRule['siblings']) => () =>
      millrace({ plugins: [compress()], routes: { '/**': { compress: { siblings } } } })
    assert.throws(rule({ root: join(root, 'none') }), /compress\.siblings.*expected a folder that is there/s)
    assert.throws(rule({ root, prefix: 'static' }), /expected a path such as/)
  })
})
