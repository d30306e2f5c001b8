import { type Clock, fieldOf, type Plugin, parseSize, type Size } from '@millrace/core'
import type { Level } from './coding.ts'
import { House } from './house.ts'
import { compression } from './layer.ts'
import { Load, type ReadUtilization, systemUtilization } from './load.ts'
import { negotiate } from './policy.ts'
import { type CompressRule, type Rule, schema } from './rule.ts'
import { SameBodies } from './same-bodies.ts'
import type { Marks } from './strain.ts'
import { telemetryOf } from './telemetry.ts'

export interface CompressOptions {
  /** How much of encoded bodies is kept for equal ones that other replies may have. Default 0: what is not cached differs. */
  readonly memo?: Size
  /**
   * When the event loop is busy for so much of its time (default high 0.95, low 0.8), the level is lowered, and then
   * compression rests. False for never.
   */
  readonly pressure?: Marks | false
  /** Tells how busy it is. Default: what Node says. */
  readonly utilization?: ReadUtilization
}

/**
 * Encodes replies: negotiated, and once.
 *
 * @throws TypeError when `memo` is no size
 * @throws RangeError when the marks make no sense
 */
export const compress = (options: CompressOptions = {}): Plugin<'compress', CompressRule | Level, Rule> => {
  const { memo = 0, pressure = { high: 0.95, low: 0.8 } } = options
  const limit = parseSize(memo)
  if (limit === undefined)
    throw new TypeError(`compress({ memo }): expected a size such as "8mb", got ${memo}`)
  if (pressure !== false && !(pressure.low > 0 && pressure.low < pressure.high && pressure.high <= 1)) {
    const { low, high } = pressure
    throw new RangeError(`compress({ pressure }): expected 0 < low < high <= 1, got low ${low}, high ${high}`)
  }
  const load = pressure === false ? undefined : new Load(pressure, options.utilization ?? systemUtilization())
  const house = new House(limit === 0 ? undefined : new SameBodies(limit), load)
  let clock: Clock | undefined
  let isStarted = false

  return {
    name: 'compress',
    stage: 'shape',
    rule: schema,
    shorthand: (value) => (typeof value === 'string' ? { level: value } : undefined),
    http(rule, site) {
      clock = site.clock
      if (isStarted) load?.start(clock)
      return compression(rule, site, house)
    },
    async start() {
      isStarted = true
      if (clock) load?.start(clock)
    },
    async stop() {
      isStarted = false
      load?.stop()
    },
    telemetry: telemetryOf(() => load?.strain ?? 0),
    inspect: () => house.inspect(),
    health: async () =>
      load?.strain === 2
        ? { status: 'degraded', detail: 'the event loop is busy: compression rests' }
        : { status: 'ok' },
    explain(rule, { headers }) {
      const { coding } = negotiate(fieldOf(headers, 'accept-encoding'), rule.encodings)
      return [coding === undefined ? 'the plain body' : `${coding}, at level ${rule.coders[coding].quality}`]
    },
  }
}
