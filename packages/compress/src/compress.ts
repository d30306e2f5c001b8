import { randomInt } from 'node:crypto'
import { type Clock, fieldOf, type Plugin, parseSize, type Size } from '@millrace/core'
import type { Level } from './coding.ts'
import { Dictionaries } from './dictionaries.ts'
import { namedIn } from './dictionary.ts'
import { House } from './house.ts'
import { compression } from './layer.ts'
import { Load, type ReadUtilization, systemUtilization } from './load.ts'
import { negotiate } from './policy.ts'
import { decoding } from './request-layer.ts'
import { codingsOf } from './request-policy.ts'
import type { Requests } from './requests.ts'
import { type CompressRule, type Rule, schema } from './rule.ts'
import { SameBodies } from './same-bodies.ts'
import type { Marks } from './strain.ts'
import { telemetryOf } from './telemetry.ts'

export interface CompressOptions {
  /** How much of encoded bodies is kept for equal ones that other replies may have. Default 0: what is not cached differs. */
  readonly memo?: Size
  /** How many bytes are kept of answers that are dictionaries for later ones, 2 MB of one at most. Default 16 MB. */
  readonly dictionaries?: Size
  /**
   * When the event loop is busy for so much of its time (default high 0.95, low 0.8), the level is lowered, and then
   * compression rests. False for never.
   */
  readonly pressure?: Marks | false
  /** Tells how busy it is. Default: what Node says. */
  readonly utilization?: ReadUtilization
  /** Tells a whole number from 0 to `most`, for noise: nobody may be able to tell it beforehand. Default: what Node's crypto says. */
  readonly random?: (most: number) => number
}

/**
 * Encodes replies: negotiated, and once.
 *
 * @throws TypeError when `memo` or `dictionaries` is no size
 * @throws RangeError when the marks make no sense
 */
export const compress = (options: CompressOptions = {}): Plugin<'compress', CompressRule | Level, Rule> => {
  const { memo = 0, dictionaries = '16mb', pressure = { high: 0.95, low: 0.8 } } = options
  const limit = bytesOf('memo', memo)
  const known = new Dictionaries(bytesOf('dictionaries', dictionaries))
  if (pressure !== false && !(pressure.low > 0 && pressure.low < pressure.high && pressure.high <= 1)) {
    const { low, high } = pressure
    throw new RangeError(`compress({ pressure }): expected 0 < low < high <= 1, got low ${low}, high ${high}`)
  }
  const load = pressure === false ? undefined : new Load(pressure, options.utilization ?? systemUtilization())
  const house = new House(
    limit === 0 ? undefined : new SameBodies(limit),
    load,
    known,
    options.random ?? anyUpTo,
  )
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
      const encode = compression(rule, site, house)
      if (rule.requests === undefined) return encode
      const decode = decoding(rule.requests, site, house)
      return (exchange, next) =>
        exchange.headers['content-encoding'] === undefined
          ? encode(exchange, next)
          : decode(exchange, (inner) => encode(inner, next))
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
      const named = namedIn(fieldOf(headers, 'available-dictionary'))
      return [
        ...explainRequest(rule.requests, fieldOf(headers, 'content-encoding')),
        coding === undefined ? 'the plain body' : `${coding}, at level ${rule.coders[coding].quality}`,
        ...(rule.siblings ? ['or what lies encoded beside the file'] : []),
        ...(named !== undefined && known.get(named) ? ['or against a dictionary that the client has'] : []),
        ...(rule.noise > 0 ? [`longer by up to ${rule.noise} bytes at random`] : []),
      ]
    },
  }
}

const anyUpTo = (most: number): number => randomInt(most + 1)

const bytesOf = (name: string, given: Size): number => {
  const bytes = parseSize(given)
  if (bytes !== undefined) return bytes
  throw new TypeError(`compress({ ${name} }): expected a size such as "8mb", got ${given}`)
}

const explainRequest = (requests: Requests | undefined, field: string | undefined): readonly string[] => {
  if (requests === undefined || field === undefined) return []
  const codings = codingsOf(field, requests.encodings)
  if (codings === undefined) return ['415: the content coding of the request is not accepted']
  return codings.length === 0 ? [] : [`the content of the request decoded from ${codings.join(', ')}`]
}
