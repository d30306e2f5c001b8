import {
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
} from '@opentelemetry/api'
import { W3CBaggage, W3CTraceContext } from './propagators.ts'

/** Ours, where the program has set none. */
const ours = [new W3CTraceContext(), new W3CBaggage()]

/** A propagator that was set has fields. */
const isSet = (): boolean => propagation.fields().length > 0

/** What the fields of a request say of where it comes from. */
export const contextOf = (fields: object): Context => {
  if (isSet()) return propagation.extract(ROOT_CONTEXT, fields)
  return ours.reduce<Context>(
    (within, each) => each.extract(within, fields, defaultTextMapGetter),
    ROOT_CONTEXT,
  )
}

/**
 * The header fields that carry the active context on, for requests that nobody instruments:
 * `fetch(url, { headers: traceHeaders() })`.
 *
 * @param headers what to send besides
 */
export const traceHeaders = (headers: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const fields = { ...headers }
  const active = context.active()
  if (isSet()) propagation.inject(active, fields)
  else for (const each of ours) each.inject(active, fields, defaultTextMapSetter)
  return fields
}
