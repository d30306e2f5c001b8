import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'

type Export = Parameters<PushMetricExporter['export']>
type Choice<Name extends 'selectAggregation' | 'selectAggregationTemporality'> = NonNullable<
  PushMetricExporter[Name]
>

/** How many times all metrics were to be exported, by how it went. */
export interface Exports {
  readonly exported: number
  /** The collector did not take them. The next time it gets the values that they have then. */
  readonly failed: number
}

/** `ExportResultCode` of `@opentelemetry/core`. */
const succeeded = 0

/** Another exporter, and what became of what it was given. */
export class CountedExporter implements PushMetricExporter {
  readonly #exporter: PushMetricExporter
  readonly selectAggregation?: Choice<'selectAggregation'>
  readonly selectAggregationTemporality?: Choice<'selectAggregationTemporality'>
  #exported = 0
  #failed = 0

  constructor(exporter: PushMetricExporter) {
    this.#exporter = exporter
    // A reader looks whether they are there.
    const { selectAggregation, selectAggregationTemporality } = exporter
    if (selectAggregation !== undefined) this.selectAggregation = selectAggregation.bind(exporter)
    if (selectAggregationTemporality !== undefined)
      this.selectAggregationTemporality = selectAggregationTemporality.bind(exporter)
  }

  export(...[metrics, done]: Export): void {
    this.#exporter.export(metrics, (result) => {
      if (result.code === succeeded) this.#exported++
      else this.#failed++
      done(result)
    })
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  inspect(): Exports {
    return { exported: this.#exported, failed: this.#failed }
  }
}
