import './threadpool.ts'
import { createServer } from 'node:http'
import { after, describe, it } from 'node:test'
import fc, { type Arbitrary } from 'fast-check'
import { expressPrograms, koaPrograms, nodePrograms } from './arbitraries.ts'
import { rawClient } from './client.ts'
import { reportDifferences } from './compare.ts'
import { effort, seeded } from './effort.ts'
import { patient, portOf } from './execute.ts'
import { watchFaults } from './faults.ts'
import { type App, onExpress5, onKoa3, onNode } from './hosts.ts'
import { call, type Op, type Program, wait } from './program.ts'
import { Run, type Transcript } from './run.ts'
import { bare, type Variant, variants, type Wrapping } from './variants.ts'

type Build = (ops: readonly Op[], run: Run, wrapping: Wrapping) => App

/** Requests sent at once on one connection, and what came of each. */
const pipeline = (
  build: Build,
): ((
  programs: readonly Program[],
  variant: Variant,
  expected?: readonly Transcript[],
) => Promise<readonly Transcript[]>) => {
  let playing: readonly { readonly run: Run; readonly app: App }[] = []
  const server = createServer(patient, (req, res) => {
    const turn = playing[Number(req.headers['x-turn'])]
    turn?.run.watch(res)
    res.on('error', (error: Error) => turn?.run.event(`error ${error.message}`))
    turn?.app(req, res)
  })
  after(() => server.close())
  const listening = portOf(server)
  return async (programs, variant, expected) => {
    playing = programs.map(({ ops }, turn) => {
      const run = new Run(variant.view, expected?.[turn], true)
      return { run, app: build(ops, run, variant) }
    })
    const runs = playing.map(({ run }) => run)
    const unwatch = watchFaults((fault) => runs[0]?.fault(fault))
    const client = rawClient(await listening, () => {
      for (const run of runs) run.active()
    })
    for (const run of runs) run.client = client
    try {
      client.send(
        programs.map(({ ask }, turn) => ({
          ...ask,
          fields: [...ask.fields, ['x-turn', String(turn)] as const],
        })),
      )
      for (const run of runs) await run.finish()
      // Each has seen the connection at another moment; at the end there is only one.
      for (const run of runs) await run.finish()
      client.leave()
      for (const run of runs) await run.finish()
    } finally {
      client.leave()
      unwatch()
    }
    return runs.map((run) => {
      const { received, eventsBy, events, ends, ...rest } = run.transcript()
      return {
        ...rest,
        received: received.slice(-1),
        eventsBy: eventsBy.slice(-1),
        // What happens to one response meanwhile depends on how far the one before it is.
        events: events.map((event) => event.replace(/^\d+ /, '')).sort(),
        // Node says prefinish once more when a response that has ended gets its turn.
        ends: ends.filter((event) => event !== 'prefinish'),
      }
    })
  }
}

/** Where a handler answers. */
const answers = (op: Op): boolean =>
  op.op === 'pipe' ||
  op.op === 'next' ||
  (op.op === 'call' &&
    ['end', 'send', 'json', 'sendStatus', 'redirect', 'sendFile', 'format'].includes(op.method))

/**
 * Whether the connection, or who comes next on it, is none of a handler's business. What is written before a head Node
 * may put behind it, while another answer has its turn.
 */
const isPolite = ({ ask, ops }: Program): boolean =>
  ask.version === '1.1' &&
  ask.fields.every(([name]) => name !== 'Connection') &&
  !ops.some(
    (op) =>
      op.op === 'leave' ||
      op.op === 'fail' ||
      (op.op === 'call' && /^(?:destroy|writeProcessing|writeEarlyHints)$/.test(op.method)) ||
      (op.op === 'pipe' && op.fails === true) ||
      (op.op === 'set' && (op.name === 'shouldKeepAlive' || op.name === 'respond')) ||
      (op.op === 'set' && /"fails":true/.test(JSON.stringify(op.value))),
  )

/** So that whoever comes next has its turn: what answers a response that has been written to throws. */
const ended = (before: readonly Op[], last: Op): readonly Op[] => {
  // Where a head has been sent, an app that finds no answer closes the connection.
  const unsent = before.filter(
    (op) => op.op !== 'call' || !/^(?:write|writeHead|flushHeaders)$/.test(op.method),
  )
  if (last.op === 'next') return [...unsent, last]
  if (last.op !== 'call') return [...before, last]
  // Without a callback: that would have to answer for a file that is not there.
  if (last.method === 'sendFile') return [...unsent, { ...last, args: last.args.slice(0, 1) }]
  return [...before, last, call('end')]
}

/** Handlers that answer, and then are through; what the client has in between is not the point here. */
const polite = (programs: Arbitrary<Program>): Arbitrary<Program> =>
  programs.filter(isPolite).map((program) => {
    const ops = program.ops.map((op) => (op.op === 'wait' && op.for === 'client' ? wait('immediate') : op))
    if (
      ops.some(
        (op) => op.op !== 'wait' && op.op !== 'pipe' && op.op !== 'next' && 'on' in op && op.on === 'ctx',
      )
    )
      return { ...program, ops }
    const at = ops.findIndex(answers)
    const last = ops[at]
    return { ...program, ops: last ? ended(ops.slice(0, at), last) : [...ops, call('end')] }
  })

const hosts = [
  ['node:http', pipeline(onNode), polite(nodePrograms), 40],
  ['Express 5', pipeline(onExpress5), polite(expressPrograms), 40],
  ['Koa 3', pipeline(onKoa3), polite(koaPrograms), 40],
] as const

const names = variants.map((variant) => variant.name)

describe('requests sent at once on one connection', () => {
  for (const [name, play, programs, runs] of hosts) {
    it(name, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(programs, { minLength: 2, maxLength: 4 }),
          fc.shuffledSubarray(names, { minLength: 3, maxLength: 3 }),
          async (programs, chosen) => {
            const expected = await play(programs, bare)
            for (const variant of variants.filter(({ name }) => chosen.includes(name))) {
              if (!variant.view.exact && programs.some(({ framed }) => framed)) continue
              const shown = await play(programs, variant, expected)
              for (const [turn, program] of programs.entries())
                reportDifferences(shown[turn], expected[turn], variant, program)
            }
          },
        ),
        { ...seeded, numRuns: runs * effort },
      )
    })
  }
})
