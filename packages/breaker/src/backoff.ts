export interface Backoff {
  /** The shortest wait in milliseconds, and the longest. */
  readonly delay: number
  readonly max: number
}

/**
 * How long to wait before the next attempt: at random between the shortest wait and three times the last one
 * ("decorrelated jitter", Exponential Backoff And Jitter, AWS Architecture Blog 2015), so that those who failed together
 * do not come back together.
 *
 * @param last what this said before, in milliseconds; 0 the first time
 * @param random from 0 to 1
 */
export const nextWait = ({ delay, max }: Backoff, last: number, random: number): number =>
  Math.min(max, delay + random * Math.max(0, 3 * Math.max(last, delay) - delay))

/**
 * The same where the other side has said how long: never sooner, and not all at the same moment.
 *
 * @param asked milliseconds
 */
export const waitAsAsked = ({ delay }: Backoff, asked: number, random: number): number =>
  asked + random * delay
