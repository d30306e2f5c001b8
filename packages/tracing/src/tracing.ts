import { type AnyPlugin, type Plugin, type Remarks, readyReply } from '@millrace/core'
import { context, metrics } from '@opentelemetry/api'
import { isFailure } from './failure.ts'
import { HttpAttributes, knownMethods, sensitiveParameters } from './http-attributes.ts'
import { recordMetrics } from './metrics.ts'
import { Recorder } from './recorder.ts'
import { type Rule, schema, type TracingRule } from './rule.ts'
import { serving } from './serving.ts'

export interface TracingOptions {
  /** Request methods that are told as they are, in place of {@link knownMethods}; others are told as `_OTHER`. */
  readonly methods?: readonly string[]
  /** Parameters whose values are left out of `url.query`, in place of {@link sensitiveParameters}. */
  readonly redact?: readonly string[]
  /** From 0 to below 1, for what is chosen to be recorded. Default: the system's generator. */
  readonly random?: () => number
  /** Whether what plugins measure goes to OpenTelemetry's meter, by what `telemetry` says. Default false. */
  readonly metrics?: boolean
}

/** OpenTelemetry spans for requests, handlers and wrapped functions, with what other plugins tell of them. */
export const tracing = ({
  methods = knownMethods,
  redact = sensitiveParameters,
  random,
  metrics: isMeasuring = false,
}: TracingOptions = {}): Plugin<'tracing', TracingRule, Rule> => {
  const recorder = new Recorder(random)
  const says = new HttpAttributes(methods, redact)
  let told: readonly Remarks[] = []
  let measured: readonly AnyPlugin[] = []
  let unwatch: readonly (() => void)[] = []

  return {
    name: 'tracing',
    stage: 'observe',
    rule: schema,
    http(rule, { clock }) {
      recorder.clock = clock
      return serving(rule, recorder, says)
    },
    handler: () =>
      function tracing(exchange, next) {
        const work = recorder.of(exchange)
        if (work === undefined) return next(exchange)
        return recorder.run(
          recorder.start('handler', {}, recorder.within(work)),
          next,
          exchange,
          isFailure,
          readyReply,
        )
      },
    call(rule, { name, clock }) {
      recorder.clock = clock
      return function tracing(call, next) {
        const active = context.active()
        const admitted = recorder.admit(rule, active)
        if (admitted === undefined) {
          const around = recorder.leaveOut(active)
          return around === active ? next(call) : context.with(around, next, undefined, call)
        }
        return recorder.run(recorder.start(name, {}, admitted), next, call, always, nothing)
      }
    },
    joined(plugins) {
      told = plugins.flatMap((plugin) => plugin.telemetry?.remarks ?? [])
      measured = isMeasuring ? plugins : []
    },
    async start() {
      unwatch = [
        ...told.map((remarks) => remarks.watch((remark) => recorder.tell(remark))),
        recordMetrics(measured, metrics.getMeter('@millrace/tracing')),
      ]
    },
    async stop() {
      for (const end of unwatch) end()
    },
    inspect: () => ({ recorded: recorder.recorded, unsampled: recorder.unsampled }),
  }
}

const always = (): true => true
const nothing = (): undefined => undefined
