import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { normalizedField, parseNames, parseVary, type RequestHeaders, varyKey } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

describe('Vary', () => {
  const rows: readonly (readonly [field: string | undefined, names: '*' | readonly string[]])[] = [
    [undefined, []],
    ['', []],
    [' , ', []],
    ['Accept-Encoding', ['accept-encoding']],
    ['Foo, BAR ,\tbaz', ['bar', 'baz', 'foo']],
    ['foo, Foo', ['foo']],
    ['__proto__, constructor', ['__proto__', 'constructor']],
    ['*', '*'],
    ['*, *', '*'],
    [', *', '*'],
    ['*, Foo', '*'],
    ['Foo, *', '*'],
    // Nobody can look up what is no name.
    ['Foo Bar', '*'],
    ['Foo, "Bar"', '*'],
    ['"Foo, Bar"', '*'],
    ['Föö', '*'],
  ]
  for (const [field, names] of rows) {
    it(JSON.stringify(field ?? 'none'), () => assert.deepEqual(parseVary(field), names))
  }

  it('is not changed by order, case, white space, or by saying it twice', () => {
    const name = fc.stringMatching(/^[A-Za-z-]{1,8}$/)
    fc.assert(
      fc.property(fc.array(name), fc.constantFrom(',', ' , ', ',,\t'), (names, comma) => {
        const field = names.join(comma)
        const other = [...names, ...names].toReversed().join(', ').toUpperCase()
        assert.deepEqual(parseVary(other), parseVary(field))
        assert.deepEqual(new Set(parseVary(field)), new Set(names.map((each) => each.toLowerCase())))
      }),
    )
  })
})

describe('names in a list', () => {
  it('are in lower case, each once, in their order', () =>
    assert.deepEqual(parseNames('Keep-Alive, ,close ,\tkeep-alive'), ['keep-alive', 'close']))
})

describe('a request field that a reply varies by', () => {
  const same: readonly (readonly [name: string, value: string, other: string])[] = [
    ['accept-language', 'en, de', 'de, en'],
    ['accept-language', 'en, de', 'eN, De'],
    ['accept-language', 'en, de', ' en ,   de'],
    ['accept-language', 'de;q=0.5,en', 'en;q=1.000, DE ; Q=0.50'],
    ['accept-encoding', 'gzip, br', 'BR,gzip,gzip,'],
    ['accept-encoding', '', ' , '],
    ['accept', 'text/html, */*;q=0.8', '*/*;q=0.80,Text/Html'],
    ['accept', 'text/html;Level=1', 'text/html ; level=1'],
    ['foo', '1,2', ' 1, 2 '],
    ['foo', '"a, b",c', '"a, b" , c'],
  ]
  for (const [name, value, other] of same) {
    it(`${name}: ${JSON.stringify(value)} is ${JSON.stringify(other)}`, () =>
      assert.equal(normalizedField(name, value), normalizedField(name, other)))
  }

  const different: readonly (readonly [name: string, value: string, other: string])[] = [
    ['accept-language', 'en, de', 'en'],
    ['accept-language', 'en, de', 'en, de;q=0.9'],
    ['accept-language', 'en, de;q=0', 'en'],
    ['accept-language', 'de;q=0.5, de', 'de'],
    ['accept-encoding', 'gzip', ''],
    ['accept-encoding', 'gzip', 'x-gzip'],
    ['accept', 'text/html;a=B', 'text/html;a=b'],
    ['accept', 'text/html;a="b,c"', 'text/html;a="b, c"'],
    // What is malformed may mean anything to the handler.
    ['accept-encoding', 'gzip, br;q=9', 'gzip'],
    ['accept-encoding', 'gzip, BR;q=9', 'gzip, br;q=9'],
    ['foo', '1,2', '2,1'],
    ['foo', 'a', 'A'],
    ['foo', 'a b', 'a  b'],
    ['foo', '1,2', '1,,2'],
    ['foo', '"a, b"', '"a,b"'],
    ['foo', '"a\\", b"', '"a\\",b"'],
    ['foo', '"a, b', '"a,b'],
    ['foo', 'a\u00a0,b', 'a,b'],
    ['cookie', 'a=1, b', 'a=1,b'],
    ['user-agent', 'x (KHTML, like Gecko)', 'x (KHTML,like Gecko)'],
  ]
  for (const [name, value, other] of different) {
    it(`${name}: ${JSON.stringify(value)} is not ${JSON.stringify(other)}`, () =>
      assert.notEqual(normalizedField(name, value), normalizedField(name, other)))
  }

  it('is normal once it has been made so', () => {
    const name = fc.constantFrom('accept', 'accept-encoding', 'accept-language', 'foo', 'cookie')
    const piece = fc.constantFrom('gzip', 'BR', '*', ';q=0.5', ';q=7', ';a="', '"', ',', ' ', '\t', '\\', '/')
    fc.assert(
      fc.property(name, fc.array(piece), (field, pieces) => {
        const once = normalizedField(field, pieces.join(''))
        assert.equal(normalizedField(field, once), once)
      }),
      { numRuns: 2000 },
    )
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['a,', ' ,', 'a;q=1,', '", ', '\\",', 'a="', ';q='])) {
      parseVary(field)
      for (const name of ['accept', 'accept-encoding', 'foo', 'cookie']) normalizedField(name, field)
    }
  })
})

describe('a key of what a reply varies by', () => {
  const names = ['accept-encoding', 'constructor', 'foo']

  it('tells an absent field from an empty one', () => {
    assert.notEqual(varyKey(['foo'], {}), varyKey(['foo'], { foo: '' }))
    assert.notEqual(varyKey(['foo'], {}), varyKey(['foo'], { foo: '-' }))
  })

  it('does not find what every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      assert.equal(varyKey([name], {}), `${name}:-`)
    }
    assert.notEqual(varyKey(['constructor'], { constructor: 'x' }), varyKey(['constructor'], {}))
  })

  it('takes several lines for one', () =>
    assert.equal(varyKey(['foo'], { foo: ['1', '2'] }), varyKey(['foo'], { foo: '1,2' })))

  it('leaves out what the reply does not vary by', () =>
    assert.equal(varyKey(['foo'], { foo: '1', bar: '1' }), varyKey(['foo'], { foo: '1', bar: '2' })))

  it('is shared by two requests exactly when every field means the same', () => {
    const value = fc.constantFrom(
      ...[undefined, '', '-', '1:x', 'foo:-', '0:', 'foo:0:', 'gzip', 'GZIP', 'br, gzip', 'gzip,br', '\n'],
    )
    const headers = fc.tuple(value, value, value).map(
      ([a, b, c]): RequestHeaders => ({
        'accept-encoding': a,
        ...(b === undefined ? {} : { constructor: b }),
        foo: c,
      }),
    )
    fc.assert(
      fc.property(headers, headers, (one, other) => {
        const means = (of: RequestHeaders): unknown[] =>
          names.map((name) => {
            const field = Object.hasOwn(of, name) ? of[name] : undefined
            return typeof field === 'string' ? normalizedField(name, field) : null
          })
        const equal = JSON.stringify(means(one)) === JSON.stringify(means(other))
        assert.equal(varyKey(names, one) === varyKey(names, other), equal)
      }),
      { numRuns: 5000 },
    )
  })
})
