import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Histograms, Values } from '../../src/metrics/family.ts'

const described = { name: 'served_total', help: 'What was served.', labels: ['who', 'what'] }
const label = fc.constantFrom('a', 'b', 'c', '', 'other', 'a\0', '__proto__', '"', '\\', '\n')

describe('the series of a metric', () => {
  it('are those of a map of all labels, as long as there is room', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(label, label, fc.integer({ min: 0, max: 9 }))), (records) => {
        const family = new Values({ ...described, kind: 'counter' }, 1000, assert.fail)
        const model = new Map<string, number>()
        for (const [who, what, by] of records) {
          family.add([who, what], by)
          const key = JSON.stringify([who, what])
          model.set(key, (model.get(key) ?? 0) + by)
        }
        assert.deepEqual(
          new Map(family.all.map(({ labels, value }) => [JSON.stringify(labels), value])),
          model,
        )
      }),
    )
  })

  it('are never more than their bound, and nothing is lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), fc.string())),
        fc.integer({ min: 2, max: 10 }),
        (records, most) => {
          const told: string[] = []
          const family = new Values({ ...described, kind: 'counter' }, most, (name) => told.push(name))
          for (const labels of records) family.add(labels, 1)
          assert.ok(family.all.length <= most)
          assert.equal(
            family.all.reduce((all, { value }) => all + value, 0),
            records.length,
          )
          assert.equal(told.length, family.overflowed > 0 ? 1 : 0)
        },
      ),
    )
  })

  it('that only stand are counted anew each time, and too many of them are told of once', () => {
    const told: string[] = []
    const family = new Values({ ...described, kind: 'gauge' }, 2, (name) => told.push(name))
    for (let scrape = 0; scrape < 3; scrape++) {
      family.clear()
      for (const id of ['a', 'b', 'c']) family.add([id, 'x'], 1)
      assert.equal(family.overflowed, 2)
    }
    assert.equal(told.length, 1)
  })

  it('that are too many are one, of others', () => {
    const family = new Values({ ...described, kind: 'counter' }, 3, () => undefined)
    for (let i = 0; i < 10; i++) family.add([String(i), 'x'], 1)
    assert.deepEqual(
      family.all.map(({ labels, value }) => [...labels, value]),
      [
        ['0', 'x', 1],
        ['1', 'x', 1],
        ['other', 'other', 8],
      ],
    )
  })

  it('is one where there are no labels', () => {
    const family = new Values({ ...described, labels: [], kind: 'gauge' }, 2, assert.fail)
    family.add([], 1)
    family.add([], 2)
    assert.deepEqual(
      family.all.map(({ value }) => value),
      [3],
    )
  })

  it('begin anew when they are forgotten', () => {
    const family = new Values({ ...described, kind: 'gauge' }, 10, assert.fail)
    family.add(['a', 'b'], 1)
    family.clear()
    assert.equal(family.all.length, 0)
    family.add(['a', 'b'], 1)
    assert.equal(family.all[0]?.value, 1)
  })
})

describe('a histogram', () => {
  it('has each value in the first bucket that is not below it', () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(fc.integer({ min: -5, max: 5 }), { minLength: 1 })
          .map((bounds) => bounds.toSorted((a, b) => a - b)),
        fc.array(fc.double({ min: -7, max: 7, noNaN: true })),
        (buckets, values) => {
          const family = new Histograms({ ...described, buckets }, 10, assert.fail)
          for (const value of values) family.observe(['a', 'b'], value, undefined)
          const [series] = family.all
          if (series === undefined) return
          for (const [i, bound] of buckets.entries()) {
            const below: number = series.counts.slice(0, i + 1).reduce((all, each) => all + each, 0)
            assert.equal(below, values.filter((value) => value <= bound).length)
          }
          assert.equal(series.count, values.length)
          assert.equal(
            series.counts.reduce((all, each) => all + each, 0),
            values.length,
          )
        },
      ),
    )
  })

  it('has other buckets for labels that come with some', () => {
    const family = new Histograms({ ...described, buckets: [1, 2] }, 10, assert.fail)
    family.observe(['a', 'b'], 1, undefined)
    family.observe(['c', 'd'], 1, [5])
    assert.deepEqual(
      family.all.map(({ bounds }) => bounds),
      [[1, 2], [5]],
    )
  })

  it('keeps the last exemplar of each bucket', () => {
    const family = new Histograms({ ...described, buckets: [1] }, 10, assert.fail)
    const exemplar = (value: number) => ({ traceId: 'a', spanId: 'b', value, at: 1 })
    family.observe(['a', 'b'], 0.5, undefined, exemplar(0.5))
    family.observe(['a', 'b'], 0.7, undefined, exemplar(0.7))
    family.observe(['a', 'b'], 3, undefined)
    assert.deepEqual(
      family.all[0]?.exemplars.map((each) => each?.value),
      [0.7, undefined],
    )
  })
})
