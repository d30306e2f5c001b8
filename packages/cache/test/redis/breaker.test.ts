import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '@millrace/testing'
import { Breaker } from '../../src/breaker.ts'

const failing = (): { clock: VirtualClock; breaker: Breaker } => {
  const clock = new VirtualClock()
  const breaker = new Breaker(clock, { failures: 3, pause: 1000 })
  for (let call = 0; call < 3; call++) {
    assert.equal(breaker.admits(), true)
    breaker.failed()
  }
  return { clock, breaker }
}

it('opens after so many failures in a row, and only in a row', () => {
  const breaker = new Breaker(new VirtualClock(), { failures: 3, pause: 1000 })
  for (let round = 0; round < 5; round++) {
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
  }
  assert.equal(breaker.state, 'closed')
  assert.equal(failing().breaker.state, 'open')
})

it('lets one call try after the pause, whose end decides', async () => {
  const { clock, breaker } = failing()
  assert.equal(breaker.admits(), false)
  await clock.advance(1000)
  assert.deepEqual([breaker.admits(), breaker.admits(), breaker.state], [true, false, 'probing'])
  breaker.failed()
  assert.equal(breaker.admits(), false)
  await clock.advance(1000)
  assert.equal(breaker.admits(), true)
  breaker.succeeded()
  assert.deepEqual([breaker.state, breaker.admits(), breaker.admits()], ['closed', true, true])
})

it('lets the next call try when there is reason to', () => {
  const { breaker } = failing()
  breaker.retry()
  assert.deepEqual([breaker.admits(), breaker.admits()], [true, false])
})
