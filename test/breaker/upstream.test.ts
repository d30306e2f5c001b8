import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { describe, it } from 'node:test'
import { BreakerOpenError, breaker, TimeoutError } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { eventually } from '@millrace/testing'
import { startUpstream, type Upstream } from '@millrace-examples/upstream'

type Ending = 'well' | 'rejected' | 'late' | 'failed'

/** Callers that call without pause, and how their calls end. */
class Callers {
  readonly mill = millrace({ plugins: [breaker()] })
  /** How many calls have ended so since the last one that did not. */
  readonly inARow: Record<Ending, number> = { well: 0, rejected: 0, late: 0, failed: 0 }
  /** How many calls each caller has made. */
  readonly made: number[] = Array.from({ length: 8 }, () => 0)
  readonly #agent = new Agent({ keepAlive: true })
  readonly #running: readonly Promise<void>[]
  #isOver = false

  constructor(origin: string) {
    const agent = this.#agent
    const ask = this.mill.wrap(
      'upstream',
      function () {
        const { signal } = this
        return new Promise<void>((resolve, reject) => {
          get(origin, { agent, signal }, (answer) => {
            answer.once('error', reject)
            answer.resume().once('end', () => {
              if (answer.statusCode === 200) resolve()
              else reject(new Error(`${answer.statusCode}`))
            })
          }).once('error', reject)
        })
      },
      {
        breaker: {
          timeout: '200ms',
          trip: { ratio: 0.5, minimum: 5, window: '2s' },
          reset: { after: '50ms', max: '200ms' },
        },
      },
    )
    this.#running = this.made.map((_, caller) => this.#call(caller, ask))
  }

  get state(): string | undefined {
    return this.mill.breaker.states()[0]?.state
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#running)
    this.#agent.destroy()
    await this.mill.stop()
  }

  async #call(caller: number, ask: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      const ending = await ask().then((): Ending => 'well', endingOf)
      for (const each of ['well', 'rejected', 'late', 'failed'] as const) {
        this.inARow[each] = each === ending ? this.inARow[each] + 1 : 0
      }
      this.made[caller] = (this.made[caller] ?? 0) + 1
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

const endingOf = (error: unknown): Ending => {
  if (error instanceof BreakerOpenError) return 'rejected'
  return error instanceof TimeoutError ? 'late' : 'failed'
}

describe('an upstream that', () => {
  const faults: readonly [
    name: string,
    harm: (upstream: Upstream) => unknown,
    heal: (upstream: Upstream) => unknown,
  ][] = [
    ['is killed and started again', ({ server }) => server.kill(), ({ server }) => server.start()],
    ['stands still and goes on', ({ server }) => server.pause(), ({ server }) => server.resume()],
    [
      'fails and works again',
      (upstream) => upstream.behave({ failing: 1 }),
      (upstream) => upstream.behave({ failing: 0 }),
    ],
    [
      'is slow and quick again',
      (upstream) => upstream.behave({ work: 5000 }),
      async ({ server }) => {
        // What it has begun it ends.
        await server.kill()
        await server.start()
      },
    ],
  ]
  for (const [name, harm, heal] of faults) {
    it(name, async () => {
      await using upstream = await startUpstream({ hands: 20, work: 1 })
      const callers = new Callers(upstream.origin)
      await eventually('works', () => callers.inARow.well > 50)
      await harm(upstream)
      await eventually('is let alone', () => callers.inARow.rejected > 50)
      const before = [...callers.made]
      await eventually('every caller gets on', () =>
        callers.made.every((made, caller) => made > (before[caller] ?? 0) + 20),
      )
      assert.notEqual(callers.state, 'closed')
      await heal(upstream)
      await eventually('works again', () => callers.inARow.well > 200)
      assert.equal(callers.state, 'closed')
      await callers.stop()
    })
  }
})
