import { type Clock, DeadlineError, type Exchange, fieldOf, within } from '@millrace/core'
import { BatchDeniedError } from './denied.ts'

/** How much may come, and how slowly. Bytes and milliseconds. */
export interface Intake {
  readonly body: number
  readonly receive: number
}

/**
 * The JSON that somebody sends.
 *
 * @throws BatchDeniedError when it is none, there is too much, it comes too slowly, or has been read already
 */
export const readJson = async (exchange: Exchange, intake: Intake, clock: Clock): Promise<unknown> => {
  const [type = ''] = (fieldOf(exchange.headers, 'content-type') ?? '').split(';', 1)
  if (!/^application\/(?:\S+\+)?json\s*$/i.test(type))
    throw new BatchDeniedError(415, 'type', 'expected application/json')
  return parse(await contentOf(exchange, intake, clock))
}

const contentOf = async (
  exchange: Exchange,
  { body, receive }: Intake,
  clock: Clock,
): Promise<Uint8Array> => {
  try {
    const content = await within(clock, receive, exchange.content(body), 'it came too slowly')
    if (content !== undefined) return content
  } catch (error) {
    if (error instanceof DeadlineError) throw new BatchDeniedError(408, 'slow', error.message)
    throw error
  }
  throw new BatchDeniedError(413, 'size', `expected at most ${body} bytes that nobody has read before`)
}

const parse = (content: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch {
    throw new BatchDeniedError(400, 'json', 'expected JSON in UTF-8')
  }
}
