/** How much longer than usual to look: `MILLRACE_RUNS=10` does ten times as much. */
export const effort: number = Math.max(1, Number(process.env.MILLRACE_RUNS ?? 1))

/**
 * A share of the choices, another one at each turn, so that a round of turns meets them all; and all of them when there
 * is time.
 */
export const share = <T>(choices: readonly T[], turn: number, count: number): readonly T[] => {
  if (effort > 1 || choices.length <= count) return choices
  return Array.from({ length: count }, (_, i) => choices[(turn * count + i) % choices.length]).filter(
    (choice) => choice !== undefined,
  )
}

const { MILLRACE_SEED } = process.env

/**
 * The same programs each time, so that a change is to blame for a failure; `MILLRACE_SEED=random` looks further, and
 * `MILLRACE_SEED=<number>` once more at what it has found.
 */
export const seeded: { readonly seed?: number } =
  MILLRACE_SEED === 'random' ? {} : { seed: Number(MILLRACE_SEED ?? 20_260_101) }
