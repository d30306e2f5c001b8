import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codings } from '../src/coding.ts'
import { codingsOf, decodedFields, excess } from '../src/request-policy.ts'

describe('the codings of a request', () => {
  for (const [field, expected] of [
    ['gzip', ['gzip']],
    ['GZip', ['gzip']],
    ['x-gzip', ['gzip']],
    ['deflate, br', ['deflate', 'br']],
    [' zstd ,, gzip,', ['zstd', 'gzip']],
    ['identity', []],
    ['identity, gzip, Identity', ['gzip']],
    ['', []],
    ['gzip, gzip, gzip', ['gzip', 'gzip', 'gzip']],
    ['gzip, gzip, gzip, gzip', undefined],
    ['compress', undefined],
    ['gzip, aws-chunked', undefined],
    ['gzip;q=1', undefined],
    ['x-br', undefined],
  ] as const)
    it(`${JSON.stringify(field)} is ${expected}`, () => assert.deepEqual(codingsOf(field, codings), expected))

  it('are those that are accepted', () => {
    assert.deepEqual(codingsOf('gzip', ['gzip']), ['gzip'])
    assert.equal(codingsOf('br', ['gzip']), undefined)
    assert.equal(codingsOf('gzip, br', ['gzip']), undefined)
  })
})

describe('bytes', () => {
  const limits = { limit: 1_000_000, ratio: 100 }
  for (const [bytes, received, expected] of [
    [0, 0, undefined],
    [1_000_000, 1_000_000, undefined],
    [1_000_001, 1_000_000, 'size'],
    [1_000_000, 10_000, undefined],
    [1_000_000, 9999, 'ratio'],
    [1_000_001, 1, 'size'],
    [65_536, 1, undefined],
    [65_537, 1, 'ratio'],
  ] as const)
    it(`${bytes} of ${received} are ${expected ?? 'taken'}`, () =>
      assert.equal(excess(bytes, received, limits), expected))
})

it('what is true of the encoded body alone is not said of the decoded one', () => {
  const fields = decodedFields({
    host: 'h',
    'content-encoding': 'gzip',
    'content-digest': 'sha-256=:a:',
    'repr-digest': 'sha-256=:a:',
    digest: 'a',
    'content-md5': 'b',
    'content-type': 'text/plain',
  })
  assert.deepEqual(JSON.parse(JSON.stringify(fields)), { host: 'h', 'content-type': 'text/plain' })
})
