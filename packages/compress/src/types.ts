import { memo } from '@millrace/core'
import compressible from 'compressible'

/** Streams of events: each is of use to who gets it when it was sent. */
const events = new Set([
  'text/event-stream',
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/json-seq',
])

const essence = (type: string): string => type.split(';', 1)[0]?.trim().toLowerCase() ?? ''

export const isOfEvents: (type: string) => boolean = memo((type) => events.has(essence(type)))

/** @param others types that are compressed as well */
export const worthBy = (others: readonly string[]): ((type: string) => boolean) => {
  const named = new Set([...events, ...others.map(essence)])
  return memo((type) => named.has(essence(type)) || compressible(type) === true)
}
