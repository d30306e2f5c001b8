/** Shares of its time that the event loop is busy. Between them whatever holds goes on. */
export interface Marks {
  readonly high: number
  readonly low: number
}

/** What is given up: nothing, the level (everything is `fast`), or compression. */
export type Strain = 0 | 1 | 2

/** What is known between two readings. */
export interface Strained {
  readonly strain: Strain
  /** How many readings in a row were above the high mark, or, negative, below the low one. */
  readonly streak: number
}

export const unstrained: Strained = { strain: 0, streak: 0 }

/** A second that is full is no trend. It takes longer to believe that it is over: what helped is what made it so. */
const untilMore = 3
const untilLess = 10

const step = (strain: number): Strain => (strain <= 0 ? 0 : strain === 1 ? 1 : 2)

/** What follows from one more reading: one step at a time, each after as many readings. */
export const strainedAfter = (before: Strained, utilization: number, { high, low }: Marks): Strained => {
  const { strain } = before
  if (utilization >= high) {
    const streak = Math.max(0, before.streak) + 1
    return streak < untilMore ? { strain, streak } : { strain: step(strain + 1), streak: 0 }
  }
  if (utilization <= low) {
    const streak = Math.min(0, before.streak) - 1
    return streak > -untilLess ? { strain, streak } : { strain: step(strain - 1), streak: 0 }
  }
  return { strain, streak: 0 }
}
