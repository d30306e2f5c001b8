import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DeadlineError, millrace } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { type CallTimed, callTimed, timed, timing } from '../src/index.ts'
import { Operations } from '../src/operations.ts'

const call = (name: string, total: number): CallTimed => ({
  name,
  total,
  outcome: 'ok',
  errorType: '',
  label: '',
  used: undefined,
  buckets: undefined,
})

const listen = (t: TestContext): CallTimed[] => {
  const heard: CallTimed[] = []
  t.after(callTimed.subscribe((event) => heard.push(event)))
  return heard
}

describe('what is known of operations', () => {
  it('is within one per cent of the true quantiles', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const operations = new Operations()
        for (const value of values) operations.record(call('find', value))
        const known = operations.inspect()['find'] ?? assert.fail()
        const sorted = values.toSorted((a, b) => a - b)
        const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
        for (const [told, share] of [
          [known.p50, 0.5],
          [known.p95, 0.95],
          [known.p99, 0.99],
        ] as const)
          assert.ok(Math.abs(told - at(share)) <= at(share) * 0.0101, `${told} for ${at(share)}`)
        assert.deepEqual(
          [known.count, known.min, known.max, known.latest],
          [values.length, sorted[0], sorted.at(-1), values.at(-1)],
        )
      }),
    )
  })

  it('is of a bounded number of names', () => {
    const operations = new Operations()
    for (let i = 0; i < 5000; i++) operations.record(call(`call ${i}`, 1))
    const known = operations.inspect()
    assert.equal(Object.keys(known).length, 1001)
    assert.equal(known['other']?.count, 4000)
  })

  it('has a rate that follows, and falls when nothing comes', async () => {
    const clock = new VirtualClock()
    const operations = new Operations()
    operations.use(clock)
    const rate = (): number => operations.inspect()['find']?.rate ?? 0
    for (let second = 0; second < 600; second++) {
      for (let i = 0; i < 10; i++) operations.record(call('find', 1))
      await clock.advance(1000)
    }
    assert.ok(Math.abs(rate() - 10) < 0.2, String(rate()))
    await clock.advance(600_000)
    assert.ok(rate() < 0.01)
  })

  it('has a trend: above 1 when calls take longer than they did', async () => {
    const clock = new VirtualClock()
    const operations = new Operations()
    operations.use(clock)
    const run = async (total: number, seconds: number): Promise<number> => {
      for (let second = 0; second < seconds; second++) {
        operations.record(call('find', total))
        await clock.advance(1000)
      }
      return operations.inspect()['find']?.trend ?? 0
    }
    assert.ok(Math.abs((await run(10, 1800)) - 1) < 0.01)
    assert.ok((await run(30, 60)) > 1.5)
    assert.ok(Math.abs((await run(30, 7200)) - 1) < 0.01)
  })
})

describe('a timed function', () => {
  it('gives what it gave, tells how it went, and is known to `inspect`', async (t) => {
    const heard = listen(t)
    const mill = millrace({ plugins: [timing()], routes: { '/**': { timing: true } } })
    await mill.start()
    const find = timed('city.find', async (id: number) => `city ${id}`, {
      label: (id) => (id > 5 ? 'far' : 'near'),
    })
    assert.equal(await find(7), 'city 7')
    const failing = timed('city.lose', () => Promise.reject(new RangeError('no')))
    await assert.rejects(failing(), RangeError)
    assert.deepEqual(
      heard.map(({ name, outcome, errorType, label }) => [name, outcome, errorType, label]),
      [
        ['city.find', 'ok', '', 'far'],
        ['city.lose', 'error', 'RangeError', ''],
      ],
    )
    const { calls } = JSON.parse(JSON.stringify(mill.inspect().plugins['timing']))
    assert.deepEqual([calls['city.find'].count, calls['city.lose'].outcomes], [1, { error: 1 }])
    await mill.stop()
  })

  it('is a method with its object, as a decorator makes it', async (t) => {
    const heard = listen(t)
    class Cities {
      readonly #name = 'Bern'

      async find(id: number): Promise<string> {
        return `${this.#name} ${id}`
      }
    }
    const decorate = timed<[number]>('cities.find')
    const find = decorate(Cities.prototype.find, { kind: 'method' })
    assert.equal(await find.call(new Cities(), 5), 'Bern 5')
    assert.equal(heard[0]?.name, 'cities.find')
  })

  const errors: readonly (readonly [error: unknown, outcome: string, errorType: string])[] = [
    [new Error('no'), 'error', 'Error'],
    [new DeadlineError('late'), 'timeout', 'DeadlineError'],
    [new DOMException('late', 'TimeoutError'), 'timeout', 'TimeoutError'],
    [new DOMException('gone', 'AbortError'), 'aborted', 'AbortError'],
    ['text', 'error', 'string'],
    [undefined, 'error', 'undefined'],
    [{}, 'error', 'object'],
  ]
  for (const [error, outcome, errorType] of errors) {
    it(`that throws ${String(error)} has the outcome ${outcome}`, async (t) => {
      const heard = listen(t)
      const failing = timed('failing', () => Promise.reject(error))
      await assert.rejects(failing(), (thrown) => thrown === error)
      assert.deepEqual([heard[0]?.outcome, heard[0]?.errorType], [outcome, errorType])
    })
  }

  it('goes well when its label cannot be made', async (t) => {
    const heard = listen(t)
    const find = timed('find', async () => 5, {
      label: () => {
        throw new Error('no')
      },
    })
    assert.equal(await find(), 5)
    assert.equal(heard[0]?.label, '')
  })

  it('has what the process used, for the share of calls that is sampled', async (t) => {
    const heard = listen(t)
    const find = timed('find', async () => 5, { resources: 0.25 })
    for (let i = 0; i < 8; i++) await find()
    assert.equal(heard.filter(({ used }) => used !== undefined).length, 2)
    assert.ok(heard.every(({ used }) => used === undefined || used.cpu >= 0))
  })

  it('costs no event when nobody listens', async () => {
    let asked = false
    const find = timed('find', async () => 5, {
      label: () => {
        asked = true
        return ''
      },
    })
    await find()
    assert.equal(asked, false)
  })

  it('refuses options that are none', () => {
    assert.throws(() => timed('find', async () => 5, { resources: 2 }), /timed\("find"\): resources: /)
    assert.throws(() => timed('', async () => 5), /expected a name/)
  })
})
