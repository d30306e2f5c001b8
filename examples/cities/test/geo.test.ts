import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { boxesAround, centroid, distance, FARTHEST_KM, type Point } from '../src/index.ts'

const anyPoint: fc.Arbitrary<Point> = fc.record({
  lat: fc.double({ min: -90, max: 90, noNaN: true }),
  lon: fc.double({ min: -180, max: 180, noNaN: true }),
})

describe('distance', () => {
  const known: [name: string, a: Point, b: Point, km: number][] = [
    ['a degree along the equator', { lat: 0, lon: 0 }, { lat: 0, lon: 1 }, 111.195],
    ['a degree across the 180th meridian', { lat: 0, lon: 179.5 }, { lat: 0, lon: -179.5 }, 111.195],
    ['a degree of longitude at 60° north', { lat: 60, lon: 0 }, { lat: 60, lon: 1 }, 55.595],
    ['from pole to pole', { lat: 90, lon: 0 }, { lat: -90, lon: 77 }, 20015.115],
    // Great-circle distance of the airports, as the flight planners give it.
    [
      'London Heathrow to New York JFK',
      { lat: 51.4775, lon: -0.461389 },
      { lat: 40.639722, lon: -73.778889 },
      5540,
    ],
  ]
  for (const [name, a, b, km] of known) {
    test(name, () => assert.ok(Math.abs(distance(a, b) - km) < km * 0.001, `${distance(a, b)}`))
  }

  test('is the same both ways, zero to itself, and never more than half around', () => {
    fc.assert(
      fc.property(anyPoint, anyPoint, (a, b) => {
        assert.equal(distance(a, a), 0)
        assert.ok(Math.abs(distance(a, b) - distance(b, a)) < 1e-6)
        assert.ok(distance(a, b) <= FARTHEST_KM + 1e-6)
      }),
    )
  })
})

describe('boxesAround', () => {
  test('holds every point of the circle', () => {
    fc.assert(
      fc.property(
        anyPoint,
        anyPoint,
        fc.double({ min: 0, max: FARTHEST_KM, noNaN: true }),
        (centre, point, km) => {
          fc.pre(distance(centre, point) <= km)
          assert.ok(
            boxesAround(centre, km).some(
              ({ south, north, west, east }) =>
                point.lat >= south && point.lat <= north && point.lon >= west && point.lon <= east,
            ),
          )
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('is two boxes across the 180th meridian, one elsewhere', () => {
    assert.equal(boxesAround({ lat: -18, lon: 178.4 }, 500).length, 2)
    assert.equal(boxesAround({ lat: 47.4, lon: 8.5 }, 500).length, 1)
  })

  test('is not much larger than the circle', () => {
    const [box] = boxesAround({ lat: 0, lon: 0 }, 111.195)
    assert.ok(box !== undefined && Math.abs(box.east - 1) < 0.001 && Math.abs(box.north - 1) < 0.001)
  })
})

test('a centroid is on the right side of the 180th meridian', () => {
  const { lat, lon } = centroid([
    { lat: 10, lon: 179, weight: 1 },
    { lat: 10, lon: -179, weight: 1 },
  ])
  assert.equal(Math.round(lat), 10)
  assert.equal(Math.abs(Math.round(lon)), 180)
})
