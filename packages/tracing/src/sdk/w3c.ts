import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api'
import { W3CBaggage, W3CTraceContext } from '../propagators.ts'

/** Trace context and baggage together. */
export class W3C implements TextMapPropagator<unknown> {
  readonly #each = [new W3CTraceContext(), new W3CBaggage()]

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    return this.#each.reduce<Context>((within, one) => one.extract(within, carrier, getter), context)
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    for (const one of this.#each) one.inject(context, carrier, setter)
  }

  fields(): string[] {
    return this.#each.flatMap((one) => one.fields())
  }
}
