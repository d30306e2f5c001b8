import { AssertionError } from 'node:assert'
import { stringify } from 'fast-check'
import type { Theatre } from './execute.ts'
import type { Program } from './program.ts'
import type { Transcript } from './run.ts'
import { bare, type Variant } from './variants.ts'

export type Sees = 'everything' | 'calls' | 'wire'

/**
 * Plays a program without Millrace and with each of the variants, which have to show the same.
 *
 * @param sees how closely: `everything`; `calls`, all but the looks of the response between the handler's calls (where somebody
 * further out changes the head at the last moment, that comes later when layers look at it first); or the `wire`: what
 * the client gets, and when, and what is thrown (of generated programs, whose callbacks may change places by a turn)
 */
export const compare = async (
  play: Theatre,
  program: Program,
  variants: readonly Variant[],
  sees: Sees = 'everything',
): Promise<void> => {
  const expected = await play(program, bare)
  // Who looks at the wire alone does not wait for events either.
  const awaited = sees === 'wire' ? { ...expected, eventsBy: [] } : expected
  const found = new Map<string, string[]>()
  for (const variant of variants) {
    if ((program.framed && !variant.view.exact) || (program.ask.halfClose && variant.delays)) continue
    const difference = differenceOf(await play(program, variant, awaited), expected, variant, sees)
    if (!difference) continue
    found.set(difference, [...(found.get(difference) ?? []), variant.name])
    // Each stall costs time, and says the same.
    if (difference.includes('stalled')) break
  }
  if (found.size === 0) return
  const message = [...found]
    .map(([difference, names]) => `with ${names.join('; ')}:\n${difference}`)
    .join('\n')
  throw new AssertionError({ message: `${message}\nin ${stringify(program)}`, stackStartFn: compare })
}

/** @throws AssertionError when two transcripts of a program are not the same */
export const reportDifferences = (
  shown: Transcript | undefined,
  expected: Transcript | undefined,
  variant: Variant,
  program: Program,
): void => {
  const difference = shown && expected && differenceOf(shown, expected, variant, 'wire')
  if (difference)
    throw new AssertionError({
      message: `with ${variant.name}:\n${difference}\nin ${stringify(program)}`,
      stackStartFn: reportDifferences,
    })
}

const differenceOf = (
  shown: Transcript,
  expected: Transcript,
  { view }: Variant,
  sees: Sees,
): string | undefined => {
  const differences: string[] = []
  const look = (what: string, now: readonly string[], before: readonly string[]): void => {
    const length = Math.max(now.length, before.length)
    for (let i = 0; i < length; i++) {
      if (now[i] === before[i]) continue
      differences.push(
        `  ${what}[${i}]\n    without: ${JSON.stringify(before[i])}\n    with:    ${JSON.stringify(now[i])}`,
      )
      return
    }
  }
  const calls = (transcript: Transcript): string[] =>
    transcript.calls
      .filter((text) => sees === 'everything' || !/^(?: {2}|res.end: )/.test(text))
      .map(view.call)
  look('received', shown.received.map(view.received), expected.received.map(view.received))
  look('received in all', shown.received.slice(-1).map(view.all), expected.received.slice(-1).map(view.all))
  look('faults', shown.faults, expected.faults)
  look('ended', [shown.ended], [expected.ended])
  if (view.exact && sees !== 'wire') {
    look('calls', calls(shown), calls(expected))
    look('events', shown.events, expected.events)
    look('ends', shown.ends, expected.ends)
    look('marks', shown.marks, expected.marks)
  }
  return differences.length > 0 ? differences.join('\n') : undefined
}
