import { percentile } from './percentile.ts'
import type { Measured } from './send.ts'

/** What one app did with the stream. */
export interface Round extends Measured {
  readonly handlerCalls: number
}

const WIDTHS = [20, 9, 11, 11, 16, 10]

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[index] ?? 0) : cell.padStart(WIDTHS[index] ?? 0)))
    .join('')
}

export const header = (): string => line(['', 'req/s', 'p50', 'p99', 'handler calls'])

/** One line of the table. With the round `before` it, also how many times faster this one was. */
export function row(title: string, round: Round, before?: Round): string {
  const cells = [
    title,
    whole(round.answers.length / round.seconds),
    `${percentile(round.milliseconds, 50).toFixed(1)} ms`,
    `${percentile(round.milliseconds, 99).toFixed(1)} ms`,
    whole(round.handlerCalls),
  ]
  if (before !== undefined) cells.push(`x ${(before.seconds / round.seconds).toFixed(1)}`)
  return line(cells)
}

const whole = (value: number): string => Math.round(value).toLocaleString('en')
