import { VirtualClock } from '@millrace/testing'
import { Board, votesContract } from '../src/testing/index.ts'

votesContract({
  name: 'a board in one process',
  open: async () => {
    const clock = new VirtualClock()
    const board = new Board(clock)
    return {
      join: () => board.join(),
      now: () => clock.now(),
      pass: (ms) => clock.advance(ms),
      cut: async () => board.cut(),
      heal: async () => board.heal(),
      close: async () => undefined,
    }
  },
})
