import { randomUUID } from 'node:crypto'
import {
  ConfigError,
  type Exchange,
  fieldOf,
  type Plugin,
  parseAccept,
  type Reply,
  reply,
  type Site,
} from '@millrace/core'
import { z } from 'zod'
import { BatchDeniedError, denial } from '../denied.ts'
import { batchDenied } from '../endpoint/events.ts'
import { readJson } from '../intake.ts'
import type { Progress } from '../list/progress.ts'
import { eventStream, type ServerEvent } from './event-stream.ts'
import { Job, type Told } from './job.ts'
import type { Operation, Watched, Work } from './operation.ts'
import { type Allowance, type ProcessRule, schemaFor } from './rule.ts'
import { processTelemetry } from './telemetry.ts'

export interface BatchProcessOptions {
  /** What can be asked for, by name. */
  readonly operations: Readonly<Record<string, Operation>>
}

const asked = z.strictObject({
  operation: z.string().max(200),
  items: z.array(z.unknown()),
  batchSize: z.int().min(1).optional(),
})

/**
 * Works through lists that clients send: `'POST /batch/process': { batchProcess: true }`. A list names a registered operation;
 * the answer comes when all is done, or as events while it is being done. `'DELETE /batch/process/:id'` cancels.
 *
 * @throws ConfigError when there is no operation
 */
export const batchProcess = ({
  operations,
}: BatchProcessOptions): Plugin<'batchProcess', ProcessRule, Allowance> => {
  const names = Object.keys(operations)
  if (names.length === 0) throw new ConfigError(['batchProcess({ operations }): expected at least one'])
  /** By id; no more than the rules allow. */
  const jobs = new Map<string, Job>()
  const counts = { jobs: 0, items: 0, failed: 0, cancelled: 0, denied: 0 }
  let isStopped = false

  const begin = async (exchange: Exchange, allowance: Allowance, { clock, name }: Site): Promise<Reply> => {
    const isStream = likesEvents(fieldOf(exchange.headers, 'accept'))
    const { operation, prepared } = await receive(exchange, allowance, clock, operations)
    if (isStopped) throw new BatchDeniedError(503, 'stopped', 'no more lists are taken')
    let running = 0
    for (const id of jobs.keys()) if (id.startsWith(`${name} `)) running++
    if (running >= allowance.concurrency)
      throw new BatchDeniedError(503, 'busy', 'as many lists are worked on as may be')
    const id = randomUUID()
    const job = new Job(id, operation, prepared, clock, allowance.timeout)
    const key = `${name} ${id}`
    jobs.set(key, job)
    counts.jobs++
    const over = (): void => {
      if (!jobs.delete(key)) return
      const { done, failed } = job.progress
      counts.items += done + failed
      counts.failed += failed
      if (job.end === 'cancelled') counts.cancelled++
    }
    if (!isStream) {
      try {
        return await inOne(job, exchange)
      } finally {
        // Also where a result cannot be JSON.
        over()
      }
    }
    void exchange.done.then(over)
    const head = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', vary: 'Accept' }
    return reply(200, head, eventStream(events(job, exchange), clock))
  }

  const cancel = ({ path }: Exchange): Reply => {
    const id = path.slice(path.lastIndexOf('/') + 1)
    for (const job of jobs.values()) {
      if (job.id !== id) continue
      job.cancel()
      return reply(204)
    }
    throw new BatchDeniedError(404, 'unknown', 'nothing of that id is being worked on')
  }

  return {
    name: 'batchProcess',
    stage: 'gather',
    rule: schemaFor(names),
    http: (allowance, site) =>
      async function batchProcess(exchange): Promise<Reply> {
        try {
          if (exchange.method === 'DELETE') return cancel(exchange)
          if (exchange.method !== 'POST')
            throw new BatchDeniedError(405, 'method', 'expected a POST or a DELETE')
          return await begin(exchange, allowance, site)
        } catch (error) {
          if (!(error instanceof BatchDeniedError)) throw error
          counts.denied++
          const { status, why } = error
          if (batchDenied.hasSubscribers) batchDenied.publish({ exchange, route: site.name, status, why })
          return denial(error, exchange, 'POST, DELETE')
        }
      },
    telemetry: processTelemetry,
    async start() {
      isStopped = false
    },
    async stop() {
      isStopped = true
      for (const job of jobs.values()) job.cancel()
    },
    inspect: () => ({
      ...counts,
      running: [...jobs.values()].map(({ id, progress }) => ({ id, ...progress })),
    }),
    explain: ({ operations, max }) => [`works through up to ${max} items by ${operations.join(', ')}`],
  }
}

/** @throws BatchDeniedError */
const receive = async (
  exchange: Exchange,
  allowance: Allowance,
  clock: Site['clock'],
  operations: Readonly<Record<string, Operation>>,
): Promise<{ readonly operation: string; readonly prepared: (watched: Watched) => Work }> => {
  const read = asked.safeParse(await readJson(exchange, allowance, clock))
  if (!read.success) {
    const [issue] = read.error.issues
    throw new BatchDeniedError(400, 'shape', `${issue?.path.join('.') ?? ''}: ${issue?.message}`)
  }
  const { operation, items, batchSize } = read.data
  const known = allowance.operations.includes(operation) ? operations[operation] : undefined
  if (known === undefined)
    throw new BatchDeniedError(400, 'operation', 'operation: there is none of that name')
  if (items.length > allowance.max)
    throw new BatchDeniedError(413, 'count', `expected at most ${allowance.max} items, got ${items.length}`)
  return { operation, prepared: await known.prepare(items, batchSize, exchange) }
}

const likesEvents = (accept: string | undefined): boolean => {
  let [events, others] = [0, 0]
  for (const { value, quality } of parseAccept(accept)) {
    if (value === 'text/event-stream') events = quality
    else others = Math.max(others, quality)
  }
  return events > 0 && events >= others
}

/** What is everybody's business of how far it is. */
const shown = ({ total, done, failed, cursor, duration }: Progress) => ({
  total,
  done,
  failed,
  cursor,
  duration,
})

const inOne = async (job: Job, exchange: Exchange): Promise<Reply> => {
  const results: Told[] = []
  for await (const told of job.outcomes(exchange)) results.push(told)
  results.sort((a, b) => a.index - b.index)
  const body = JSON.stringify({ id: job.id, end: job.end, ...shown(job.progress), results })
  return reply(200, { 'content-type': 'application/json', 'cache-control': 'no-store', vary: 'Accept' }, body)
}

async function* events(job: Job, exchange: Exchange): AsyncGenerator<ServerEvent> {
  yield ['begun', { id: job.id }]
  for await (const told of job.outcomes(exchange)) {
    yield ['item', told]
    if (job.hasNews()) yield ['progress', shown(job.progress)]
  }
  yield ['end', { end: job.end, ...shown(job.progress) }]
}
