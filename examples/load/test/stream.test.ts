import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildDatabase, Cities, type City } from '@millrace-examples/cities'
import { percentile, progress, requestStream, zipf } from '../src/index.ts'

let popular: City[]
let cities: Cities
before(async () => {
  await buildDatabase()
  cities = new Cities()
  popular = cities.search({ limit: 5000 })
})
after(() => cities.close())

const stream = (options: { seed?: number; length?: number } = {}): string[] =>
  requestStream({ cities: popular, exponent: 1, seed: 7, length: 20_000, ...options })

test('zipf: every rank has its share', () => {
  const rank = zipf(100, 1)
  const draws = 1_000_000
  const drawn = new Float64Array(100)
  for (let draw = 0; draw < draws; draw++) {
    const each = rank((draw + 0.5) / draws)
    drawn[each] = (drawn[each] ?? 0) + 1
  }
  const sum = drawn.reduce((total, _, index) => total + 1 / (index + 1), 0)
  for (const [index, times] of drawn.entries()) {
    assert.ok(Math.abs(times / draws - 1 / (index + 1) / sum) < 1e-5, `rank ${index}: ${times}`)
  }
})

describe('requestStream', () => {
  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(stream(), stream())
    assert.notDeepEqual(stream(), stream({ seed: 8 }))
    assert.deepEqual(stream({ length: 100 }), stream().slice(0, 100))
  })

  test('asks every question in its share', () => {
    const paths = stream()
    const share = (question: RegExp): number =>
      paths.filter((path) => question.test(path)).length / paths.length
    const shares: [question: RegExp, share: number][] = [
      [/^\/cities\/\d+$/, 0.3],
      [/^\/cities\?q=/, 0.3],
      [/^\/cities\?near=-?\d+\.\d,-?\d+\.\d$/, 0.15],
      [/^\/cities\/\d+\/neighbours\?radius=50$/, 0.15],
      [/^\/countries\/[A-Z]{2}\/stats$/, 0.1],
    ]
    for (const [question, expected] of shares) {
      assert.ok(Math.abs(share(question) - expected) < 0.015, `${question}: ${share(question)}`)
    }
    assert.ok(Math.abs(shares.reduce((sum, [question]) => sum + share(question), 0) - 1) < 1e-9)
  })
})

test('percentile: the nearest rank', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(
    [50, 99, 100, 0].map((percent) => percentile(hundred, percent)),
    [50, 99, 100, 1],
  )
  assert.equal(percentile(Float64Array.of(3), 99), 3)
})

describe('progress', () => {
  function shown(isTTY: boolean): string[] {
    const written: string[] = []
    const tell = progress({ isTTY, write: (text: string) => written.push(text) }, 'Work')
    for (let done = 1; done <= 1000; done++) tell(done, 1000)
    return written
  }

  test('is a few lines in a log', () => {
    assert.deepEqual(shown(false), [
      'Work: 0 %\n',
      'Work: 25 %\n',
      'Work: 50 %\n',
      'Work: 75 %\n',
      'Work: 100 %\n',
    ])
  })

  test('is one line on a terminal, gone at the end', () => {
    const lines = shown(true)
    assert.equal(lines.length, 101)
    assert.ok(lines.every((line) => line.startsWith('\r\x1b[K') && !line.includes('\n')))
    assert.equal(lines.at(-1), '\r\x1b[K')
  })
})
