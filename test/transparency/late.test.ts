import './threadpool.ts'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { share } from './effort.ts'
import { expressCases } from './express-cases.ts'
import { onExpress4, onExpress5, onHttp2, onKoa2, onKoa3, onKoaHttp2, onNode } from './hosts.ts'
import { knownOn } from './known.ts'
import { koaCases } from './koa-cases.ts'
import { http1Late, http2Late, keepers, wrappings } from './late.ts'
import { nodeCases } from './node-cases.ts'
import { ask, call, callback, type Op, type Program } from './program.ts'

type Cases = Readonly<Record<string, Program>>

/** An error that nobody but the process hears of, with a Millrace or without: nobody waits for the handler's promise. */
const unheard = (name: string, { ops }: Program): boolean =>
  name === 'write after end, unheard' ||
  ops.some((op) => (op.op === 'fail' && op.how !== 'next') || (op.op === 'call' && op.loose === true))

/** What the connection is used for past the response, and what belongs to a request that goes another way. */
const past = (name: string, { ask, ops }: Program): boolean =>
  ask.halfClose === true ||
  ask.version === '1.0' ||
  ask.fields.some(([field, value]) => field === 'Expect' || value === 'close') ||
  ops.some((op) => op.op === 'leave' || (op.op === 'call' && ['socket', 'req'].includes(op.on))) ||
  name === 'a socket destroyed'

const heard = (cases: Cases): Cases =>
  Object.fromEntries(Object.entries(cases).filter(([name, program]) => !unheard(name, program)))

const hosts = [
  ['node:http', http1Late(onNode), heard(nodeCases)],
  ['Express 5', http1Late(onExpress5), { ...heard(nodeCases), ...expressCases }],
  ['Express 4', http1Late(onExpress4), heard(expressCases)],
  ['Koa 3', http1Late(onKoa3), koaCases],
  ['Koa 2', http1Late(onKoa2), koaCases],
  ['node:http2', http2Late(onHttp2), heard(nodeCases)],
  ['Koa 3 on node:http2', http2Late(onKoaHttp2), koaCases],
] as const

const early: Readonly<Record<string, readonly Op[]>> = {
  'with nothing before': [],
  'with fields before': [
    call('setHeader', 'X-Early', 'yes'),
    { op: 'set', on: 'res', name: 'statusCode', value: 201 },
  ],
}

const situations = Object.entries(wrappings).flatMap(([where, wrapping]) =>
  Object.entries(early).map(([before, ops]) => ({ where: `${where}, ${before}`, wrapping, ops })),
)

for (const [host, play, cases] of hosts) {
  describe(`late on ${host}`, () => {
    for (const [turn, [name, program]] of Object.entries(cases).entries()) {
      if (past(name, program)) continue
      it(name, knownOn(`late on ${host}`, name), async () => {
        for (const { where, wrapping, ops } of share(situations, turn, 2)) {
          const never = await play({ ...program, ops: [] }, wrapping, ops)
          const after = await play(program, wrapping, ops)
          // Express answers some by itself.
          if (!never.received.includes('503')) continue
          assert.deepEqual(after, { ...never, faults: [], uncalled: [], aborted: true, settled: 1 }, where)
        }
      })
    }
  })

  describe(`in time on ${host}, but kept until the deadline`, () => {
    const written: Readonly<Record<string, readonly Op[]>> = {
      'in one go': [call('end', 'in time', callback('ended'))],
      'in pieces': [
        call('write', 'one', callback('one')),
        call('write', 'two', callback('two')),
        call('end', callback('ended')),
      ],
      'without an end': [call('writeHead', 200, { 'X-A': '1' }), call('write', 'one', callback('one'))],
      'more than fits': [
        call('write', { make: 'filled', size: 100_000, as: 'buffer' }, callback('one')),
        { op: 'wait', for: 'drain' },
        call('end', 'two', callback('ended')),
      ],
    }
    for (const [name, ops] of Object.entries(written)) {
      it(name, knownOn(`in time on ${host}, but kept until the deadline`, name), async () => {
        for (const [where, wrapping] of Object.entries(keepers)) {
          const never = await play({ ask: ask(), ops: [] }, wrapping, [])
          const after = await play(
            {
              ask: ask(),
              ops: [call('write', 'more', callback('more')), call('end', 'last', callback('last'))],
              listens: true,
            },
            wrapping,
            ops,
          )
          assert.deepEqual(
            { ...after, uncalled: [] },
            { ...never, aborted: true, settled: 1, faults: after.faults },
            where,
          )
          assert.deepEqual(after.uncalled, [], where)
        }
      })
    }
  })
}
