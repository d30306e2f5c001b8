import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeExchange, layerPlugin } from '@millrace/testing'
import {
  type AnyPlugin,
  channel,
  counter,
  derive,
  histogram,
  millrace,
  type Plugin,
  type Remark,
  remarks,
} from '../src/index.ts'

interface Served {
  readonly who: string
  readonly bytes: number
}

describe('a metric of events', () => {
  const served = channel<Served>('millrace:test:served')
  const described = { name: 'served', help: 'What was served.', labels: ['who'] }

  it('counts each event as one, as it is told, until it is ended', () => {
    const told: unknown[] = []
    const end = counter(served, described, ({ who }) => [who]).watch((labels, value) => {
      told.push([labels, value])
    })
    served.publish({ who: 'a', bytes: 5 })
    end()
    served.publish({ who: 'b', bytes: 5 })
    assert.deepEqual(told, [[['a'], 1]])
    assert.equal(served.hasSubscribers, false)
  })

  it('observes what it is told to', () => {
    const told: number[] = []
    const sizes = histogram(
      served,
      { ...described, buckets: [1, 10] },
      ({ who }) => [who],
      ({ bytes }) => bytes,
    )
    const end = sizes.watch((_, value) => told.push(value))
    served.publish({ who: 'a', bytes: 5 })
    end()
    assert.deepEqual([sizes.kind, sizes.buckets, told], ['histogram', [1, 10], [5]])
  })

  it('is remarked upon where there is something to say', () => {
    const told: Remark[] = []
    const end = remarks(served, ({ who }) =>
      who === '' ? undefined : { name: 'served', outcome: who },
    ).watch((remark) => told.push(remark))
    served.publish({ who: '', bytes: 5 })
    served.publish({ who: 'a', bytes: 5 })
    end()
    assert.deepEqual(told, [{ name: 'served', outcome: 'a' }])
  })
})

describe('a plugin', () => {
  it('is told who else is installed, before anything runs', () => {
    const told: (readonly AnyPlugin[])[] = []
    const one = { ...layerPlugin('one', (exchange, next) => next(exchange)), stage: 'protect' as const }
    const two: Plugin = {
      ...layerPlugin('two', (exchange, next) => next(exchange)),
      joined: (plugins) => void told.push(plugins),
    }
    millrace({ plugins: [one, two], routes: { '/**': { one: true, two: true } } })
    assert.deepEqual(told, [[two, one]])
  })

  it('has a layer inside all others, with the exchange that they pass on', async () => {
    const ran: string[] = []
    const named = (name: string, stage: Plugin['stage']): Plugin => ({
      ...layerPlugin(name, (exchange, next) => {
        ran.push(name)
        return next(derive(exchange, { headers: { by: name } }))
      }),
      stage,
      handler: () => (exchange, next) => {
        ran.push(`${name} within, after ${exchange.headers['by']}`)
        return next(exchange)
      },
    })
    const mill = millrace({
      plugins: [named('outer', 'observe'), named('inner', 'protect')],
      routes: { '/**': { outer: true, inner: true } },
    })
    await mill.match('GET', '/').run(fakeExchange({}))
    assert.deepEqual(ran, ['outer', 'inner', 'outer within, after inner', 'inner within, after inner'])
  })
})

describe('a derived exchange', () => {
  it('says what it was derived from', () => {
    const exchange = fakeExchange({})
    const derived = derive(derive(exchange, { headers: {} }), { headers: { a: '1' } })
    assert.equal(derived.origin, exchange)
    assert.equal(exchange.origin, exchange)
  })
})
