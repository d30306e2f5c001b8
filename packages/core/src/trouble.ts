import { type Channel, channel } from './channel.ts'

/** Something that should not pass unseen but stops nothing. */
export interface Trouble {
  readonly code: string
  readonly message: string
}

/** `millrace:core:trouble`: printed as a process warning too. */
export const trouble: Channel<Trouble> = channel('millrace:core:trouble')

/** Says what should not pass unseen: to subscribers, and as a warning of the process. */
export const warn = (problem: Trouble): void => {
  trouble.publish(problem)
  process.emitWarning(problem.message, { type: 'MillraceWarning', code: problem.code })
}
