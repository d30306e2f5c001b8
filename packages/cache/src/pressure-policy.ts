/** How much a tier gives back when memory runs short: half of what it holds, a quarter, or what it takes. */
export type Relief = 'aggressive' | 'conservative' | 'adaptive'

/** Shares of a limit. Between them whatever holds goes on. */
export interface Marks {
  /** From here on memory runs short. */
  readonly high: number
  /** Down to here until it does not any more. */
  readonly low: number
}

export const defaultMarks: Marks = { high: 0.85, low: 0.7 }

/** One of the limits that there are, and what counts against it, in bytes. */
export interface Level {
  readonly used: number
  readonly limit: number
}

/** What is known between two readings. */
export interface Strain {
  readonly isOn: boolean
  /** How many more readings above the high mark are waited for, as what was freed is counted until it is collected. */
  readonly patience: number
}

export const noStrain: Strain = { isOn: false, patience: 0 }

/** How many readings a relief is given to show. */
const patience = 3

/** What follows from a reading. */
export interface Judgement {
  readonly strain: Strain
  /** The bytes that must go for the low mark to be reached; 0 when nothing is to be freed now. */
  readonly excess: number
}

/** The share of its limit that the fullest one has reached; 0 where there is none. */
export const shareOf = (levels: readonly Level[]): number =>
  levels.reduce((most, { used, limit }) => (limit > 0 ? Math.max(most, used / limit) : most), 0)

export const judge = (before: Strain, levels: readonly Level[], { high, low }: Marks): Judgement => {
  const share = shareOf(levels)
  if (share < low) return { strain: noStrain, excess: 0 }
  if (share < high)
    return { strain: { isOn: before.isOn, patience: before.isOn ? before.patience : 0 }, excess: 0 }
  if (before.isOn && before.patience > 0) {
    return { strain: { isOn: true, patience: before.patience - 1 }, excess: 0 }
  }
  const excess = levels.reduce((most, { used, limit }) => Math.max(most, used - limit * low), 0)
  return { strain: { isOn: true, patience }, excess: Math.ceil(excess) }
}

/** How many of its bytes a holder gives back. */
export const bytesToFree = (relief: Relief, held: number, excess: number): number => {
  switch (relief) {
    case 'aggressive':
      return Math.ceil(held / 2)
    case 'conservative':
      return Math.ceil(held / 4)
    case 'adaptive':
      return Math.min(held, excess)
  }
}
