import { BatchDeniedError } from '../denied.ts'
import type { SubRequest } from './sub-request.ts'

/** A request, and what waits for it. */
export interface Step {
  readonly request: SubRequest
  /** Where it stands in the batch. */
  readonly index: number
  /** Requests that it waits for, still. */
  waits: number
  readonly next: Step[]
}

/**
 * Which requests wait for which (Kahn's algorithm, 1962).
 *
 * @param depth requests in a row at most
 * @throws BatchDeniedError when one waits for itself in the end, for one that is not there, or too many wait in a row
 */
export const plan = (requests: readonly SubRequest[], depth: number): readonly Step[] => {
  const steps = requests.map((request, index): Step => ({ request, index, waits: 0, next: [] }))
  const byId = new Map(steps.map((step) => [step.request.id, step]))
  for (const step of steps) {
    for (const id of step.request.dependsOn) {
      const before = byId.get(id)
      if (before === undefined)
        throw new BatchDeniedError(
          400,
          'dependency',
          `requests[${step.index}].dependsOn: there is no "${id}"`,
        )
      before.next.push(step)
      step.waits++
    }
  }
  const waits = steps.map((step) => step.waits)
  let row = steps.filter((step) => step.waits === 0)
  let seen = 0
  for (let level = 1; row.length > 0; level++) {
    if (level > depth)
      throw new BatchDeniedError(
        400,
        'depth',
        `expected at most ${depth} requests that depend on each other in a row`,
      )
    seen += row.length
    row = row.flatMap((step) => step.next.filter((next) => decrease(waits, next.index) === 0))
  }
  if (seen < steps.length) throw new BatchDeniedError(400, 'cycle', 'dependsOn: requests wait for each other')
  return steps
}

const decrease = (counts: number[], at: number): number => {
  const left = (counts[at] ?? 0) - 1
  counts[at] = left
  return left
}
