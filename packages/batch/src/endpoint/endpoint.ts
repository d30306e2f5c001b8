import { type Exchange, fieldOf, type Plugin, type Reply, reply, type Site } from '@millrace/core'
import { BatchDeniedError, denial } from '../denied.ts'
import { readJson } from '../intake.ts'
import type { Answer } from './answer.ts'
import { Conduct } from './conduct.ts'
import { batchAnswered, batchDenied } from './events.ts'
import { document, type Format, formatFor, Multipart } from './format.ts'
import { Lines } from './lines.ts'
import { canonicalPath } from './path.ts'
import { plan, type Step } from './plan.ts'
import { type EndpointRule, type Limits, schema } from './rule.ts'
import { type Batch, readBatch } from './sub-request.ts'
import { endpointTelemetry } from './telemetry.ts'

/**
 * Answers batches of requests to the same app: `'POST /batch': { batchEndpoint: true }`. Each goes through the whole app,
 * as the caller's own, and has its own status, fields and body in the answer.
 */
export const batchEndpoint = (): Plugin<'batchEndpoint', EndpointRule, Limits> => {
  const counts = { batches: 0, requests: 0, errors: 0, denied: 0 }
  return {
    name: 'batchEndpoint',
    stage: 'gather',
    rule: schema,
    http: (limits, site) =>
      async function batchEndpoint(exchange): Promise<Reply> {
        const route = site.name
        try {
          const { format, batch, steps } = await receive(exchange, limits, site)
          const began = site.clock.elapsed()
          const lines = format === 'ndjson' ? new Lines() : undefined
          let errors = 0
          const take = (answer: Answer): void => {
            if (answer.status >= 400) errors++
            lines?.add(answer)
          }
          const tell = (): void => {
            const size = steps.length
            counts.batches++
            counts.requests += size
            counts.errors += errors
            const duration = site.clock.elapsed() - began
            if (batchAnswered.hasSubscribers)
              batchAnswered.publish({ exchange, route, format, size, errors, duration })
            lines?.end()
          }
          const conduct = new Conduct(exchange, steps, limits, site.clock, take)
          const running = conduct.run().then(tell)
          if (lines !== undefined)
            return reply(
              200,
              { 'content-type': 'application/x-ndjson', ...fields },
              lines.bytes(() => conduct.leave()),
            )
          await running
          return whole(format === 'multipart', conduct.answers, batch)
        } catch (error) {
          if (!(error instanceof BatchDeniedError)) throw error
          counts.denied++
          const { status, why } = error
          if (batchDenied.hasSubscribers) batchDenied.publish({ exchange, route, status, why })
          return denial(error, exchange, 'POST')
        }
      },
    telemetry: endpointTelemetry,
    inspect: () => ({ ...counts }),
    explain: ({ max, concurrency, paths, except, methods }) => [
      `answers up to ${max} requests, ${concurrency} at a time`,
      `${methods.join(', ')} below ${paths.join(', ')}${except.length > 0 ? `, but not ${except.join(', ')}` : ''}`,
    ],
  }
}

interface Received {
  readonly format: Format
  readonly batch: Batch
  readonly steps: readonly Step[]
}

/** @throws BatchDeniedError */
const receive = async (exchange: Exchange, limits: Limits, { clock }: Site): Promise<Received> => {
  const { headers, method } = exchange
  if (exchange.synthetic !== undefined)
    throw new BatchDeniedError(400, 'nested', 'a batch cannot be in a batch')
  if (method !== 'POST') throw new BatchDeniedError(405, 'method', 'expected a POST')
  const format = formatFor(fieldOf(headers, 'accept'))
  if (format === undefined)
    throw new BatchDeniedError(
      406,
      'accept',
      'there are application/json, application/x-ndjson and multipart/mixed',
    )
  const json = await readJson(exchange, limits, clock)
  const batch = readBatch(json, limits, canonicalPath(exchange.path))
  return { format, batch, steps: plan(batch.requests, limits.depth) }
}

const whole = (inParts: boolean, all: readonly (Answer | undefined)[], { isBare }: Batch): Reply => {
  const answers = all.filter((answer) => answer !== undefined)
  if (!inParts)
    return reply(200, { 'content-type': 'application/json', ...fields }, document(answers, isBare))
  const multipart = new Multipart()
  const body = Buffer.concat([...answers.map((answer) => multipart.part(answer)), multipart.close()])
  return reply(200, { 'content-type': multipart.type, ...fields }, body)
}

/** What one caller may see. */
const fields = { 'cache-control': 'no-store', vary: 'Accept' } as const
