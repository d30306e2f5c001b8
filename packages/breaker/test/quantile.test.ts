import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Latencies } from '../src/quantile.ts'

describe('latencies', () => {
  it('have quantiles at most a tenth too high', () => {
    const latency = fc.double({ min: 0.05, max: 100_000, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 300, size: 'max' }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (values, quantile) => {
          const latencies = new Latencies()
          for (const value of values) latencies.record(value)
          const sorted = values.toSorted((one, other) => one - other)
          const exact = sorted[Math.ceil(quantile * values.length) - 1] ?? 0
          const said = latencies.quantile(quantile)
          assert(said >= exact * 0.999 && said <= exact * 1.101, `${said} for ${exact}`)
        },
      ),
    )
  })

  it('are those of late: older ones fade', () => {
    const latencies = new Latencies()
    for (let i = 0; i < 100_000; i++) latencies.record(1000)
    for (let i = 0; i < 10_000; i++) latencies.record(10)
    assert(latencies.quantile(0.95) < 12)
    assert(latencies.total <= 2000)
  })

  it('may be anything', () => {
    const latencies = new Latencies()
    assert.equal(latencies.quantile(0.5), 0)
    for (const odd of [0, 1e12, Number.MIN_VALUE]) latencies.record(odd)
    assert.equal(latencies.total, 3)
    assert(Number.isFinite(latencies.quantile(0.999)))
  })
})
