import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Backplane, Notice } from '../tier.ts'
import { until } from './until.ts'

export interface BackplaneUnderTest {
  readonly name: string
  /** A new medium for each test. */
  open(): Promise<{
    /** Another process on it. */
    join(): Backplane
    /** Breaks the members' connections, so that they may miss something, and lets them heal. */
    interrupt(): Promise<void>
    close(): Promise<void>
  }>
}

interface Heard {
  readonly notices: Notice[]
  gaps: number
  end(): Promise<void>
}

const listenTo = async (backplane: Backplane): Promise<Heard> => {
  const notices: Notice[] = []
  const heard: Heard = { notices, gaps: 0, end: async () => undefined }
  heard.end = await backplane.subscribe(
    (notice) => void notices.push(notice),
    () => void heard.gaps++,
  )
  return heard
}

/** The behaviour that every backplane has in common: run it from the backplane's own tests. */
export const backplaneContract = ({ name, open }: BackplaneUnderTest): void => {
  describe(`backplane contract: ${name}`, () => {
    test('everybody else hears a notice, and whoever sent it does not', async () => {
      const medium = await open()
      const [a, b, c] = [medium.join(), medium.join(), medium.join()]
      const heard = await Promise.all([a, b, c].map(listenTo))
      const [byA, byB, byC] = heard
      const notices: Notice[] = [
        { kind: 'set', names: ['x', 'é:\u{1f600}'], at: 1_767_225_600_123 },
        { kind: 'delete', names: ['y'], at: 0 },
        { kind: 'expire', names: [], at: 1.5 },
        { kind: 'tag-delete', names: ['t'], at: 2 },
        { kind: 'tag-expire', names: ['t'], at: 3 },
        { kind: 'clear', names: [''], at: 4 },
      ]
      await a.publish(notices)
      await b.publish([{ kind: 'delete', names: ['last'], at: 5 }])
      const isLast = ({ names }: Notice): boolean => names[0] === 'last'
      await until(() => byA?.notices.some(isLast) === true && byC?.notices.some(isLast) === true)
      await until(() => byB?.notices.length === notices.length)
      assert.deepEqual(byB?.notices, notices)
      assert.deepEqual(byA?.notices.length, 1)
      assert.deepEqual(
        byC?.notices.filter((notice) => !isLast(notice)),
        notices,
      )
      assert.deepEqual(
        heard.map(({ gaps }) => gaps),
        [0, 0, 0],
      )
      for (const { end } of heard) await end()
      await medium.close()
    })

    test('what one member sends is heard in its order', async () => {
      const medium = await open()
      const [a, b] = [medium.join(), medium.join()]
      const heard = await listenTo(b)
      const own = await listenTo(a)
      const names = Array.from({ length: 50 }, (_, index) => `k${index}`)
      await Promise.all(names.map((key, at) => a.publish([{ kind: 'set', names: [key], at }])))
      await until(() => heard.notices.length === names.length)
      assert.deepEqual(
        heard.notices.flatMap((notice) => notice.names),
        names,
      )
      await heard.end()
      await own.end()
      await medium.close()
    })

    test('who has ended hears nothing more', async () => {
      const medium = await open()
      const [a, b, c] = [medium.join(), medium.join(), medium.join()]
      const gone = await listenTo(b)
      const still = await listenTo(c)
      const own = await listenTo(a)
      await gone.end()
      await gone.end()
      await a.publish([{ kind: 'clear', names: [''], at: 1 }])
      await until(() => still.notices.length === 1)
      assert.deepEqual(gone.notices, [])
      await still.end()
      await own.end()
      await medium.close()
    })

    test('after an interruption everybody is told of a gap, and hears again', async () => {
      const medium = await open()
      const [a, b] = [medium.join(), medium.join()]
      const heard = await Promise.all([a, b].map(listenTo))
      await medium.interrupt()
      await until(() => heard.every(({ gaps }) => gaps > 0))
      let at = 0
      // A notice may fail for a while; the engine sends it again.
      while (heard[1]?.notices.length === 0) {
        await a.publish([{ kind: 'set', names: ['k'], at: at++ }]).catch(() => undefined)
        await until(() => true)
      }
      for (const { end } of heard) await end()
      await medium.close()
    })
  })
}
