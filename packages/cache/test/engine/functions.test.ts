import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cached, lazy } from '../../src/index.ts'
import { scene } from './fakes.ts'

describe('cached', () => {
  it('answers calls of a function by their arguments', async () => {
    const { cache } = scene()
    const asked: string[] = []
    const city = cached(
      (id: string, year: number) => {
        asked.push(`${id} ${year}`)
        return { id, year }
      },
      { cache, name: 'city', ttl: '1m' },
    )
    await Promise.all([city('a', 1), city('a', 1), city('a', 2)])
    await city('a', 1)
    assert.deepEqual(asked, ['a 1', 'a 2'])
  })

  it('keeps functions of other names apart', async () => {
    const { cache } = scene()
    const one = cached((id: number) => `one ${id}`, { cache, name: 'one' })
    const two = cached((id: number) => `two ${id}`, { cache, name: 'two' })
    assert.deepEqual([await one(1), await two(1)], ['one 1', 'two 1'])
  })

  it('decorates methods', async () => {
    const { cache } = scene()
    class Cities {
      runs = 0
      find(this: Cities, query: { readonly id: string }): string {
        this.runs++
        return `city ${query.id}`
      }
    }
    const decorate = cached({ cache, name: 'find', key: (query: { readonly id: string }) => query.id })
    const find = decorate(Cities.prototype.find, { kind: 'method' })
    const cities = new Cities()
    assert.deepEqual(
      [await find.call(cities, { id: 'a' }), await find.call(cities, { id: 'a' })],
      ['city a', 'city a'],
    )
    assert.equal(cities.runs, 1)
  })
})

describe('lazy', () => {
  it('loads once, on first use, and anew after a reset', () => {
    let runs = 0
    const value = lazy(() => ++runs)
    assert.equal(runs, 0)
    assert.deepEqual([value(), value()], [1, 1])
    value.reset()
    assert.equal(value(), 2)
  })

  it('tries again after a load that failed, at once or later', async () => {
    let runs = 0
    const load = (): number => {
      if (++runs === 1) throw new Error('down')
      return runs
    }
    const value = lazy(load)
    assert.throws(() => value(), /down/)
    assert.equal(value(), 2)
    runs = 0
    const later = lazy(async () => load())
    await Promise.all([assert.rejects(later()), assert.rejects(later())])
    assert.equal(runs, 1)
    assert.deepEqual(await Promise.all([later(), later()]), [2, 2])
  })

  it('keeps the load that a reset has begun when the one before fails', async () => {
    const loads = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
    let runs = 0
    const value = lazy(() => loads[runs++]?.promise)
    const first = value()
    value.reset()
    const second = value()
    loads[0]?.reject(new Error('late'))
    await assert.rejects(Promise.resolve(first))
    loads[1]?.resolve(2)
    assert.equal(value(), second)
    assert.equal(await value(), 2)
  })
})
