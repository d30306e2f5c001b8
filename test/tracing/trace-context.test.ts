import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, it } from 'node:test'
import Router from '@koa/router'
import { millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { traceHeaders, tracing } from '@millrace/tracing'
import express from 'express'
import Koa from 'koa'
import { send } from '../response-cache/raw.ts'
import './recorded.ts'
import { serve } from './service.ts'

/** What is called back when a service has been asked, and how often. */
type Respond = (count: number) => Promise<void>

const mill = millrace({
  plugins: [tracing()],
  routes: { '/**': { tracing: true } },
  calls: { '**': { tracing: true } },
})

const services: Readonly<Record<string, (respond: Respond) => RequestListener>> = {
  'Express 5': (respond) => {
    const app = express()
    app.use(mountExpress(mill)())
    app.get('/test/:count', async (req, res) => {
      await respond(Number(req.params.count))
      res.send('ok')
    })
    return app
  },
  'Koa 3': (respond) => {
    const router = new Router()
    router.get('/test/:count', async (ctx) => {
      await respond(Number(ctx.params['count']))
      ctx.body = 'ok'
    })
    return new Koa().use(mountKoa(mill)()).use(router.routes()).callback()
  },
}

const id = '12345678901234567890123456789012'
const parent = '1234567890123456'
const sampled = `00-${id}-${parent}-01`
const unsampled = `00-${id}-${parent}-00`

type Field = readonly [name: string, value: string]

/** One request of a case. */
interface Ask {
  readonly fields: readonly Field[]
  /** Whether the trace goes on; else there is a new one. */
  readonly goesOn: boolean
  /** The `tracestate` that goes on; default none. */
  readonly state?: string
  /** Default any. */
  readonly flags?: string
  /** How often the service calls back. Default 1. */
  readonly calls?: number
}

const goesOn = (traceparent: string, name = 'traceparent'): Ask => ({
  fields: [[name, traceparent]],
  goesOn: true,
})
const isNew = (traceparent: string, name = 'traceparent'): Ask => ({
  fields: [[name, traceparent]],
  goesOn: false,
})
const states = (lists: readonly string[], state?: string, name = 'tracestate'): Ask => ({
  fields: [['traceparent', unsampled], ...lists.map((list) => [name, list] as const)],
  goesOn: true,
  ...(state !== undefined && { state }),
})
/** `bar01=01,...` */
const bars = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(2, '0'))
    .map((n) => `bar${n}=${n}`)
    .join(',')

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/'
const signs = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i))
  .filter((sign) => sign !== ',' && sign !== '=')
  .join('')
const future = 'what-the-future-will-be-like'

/** The cases of the W3C's own harness (w3c/trace-context, test/test.py, strict level 2), by its names. */
const cases: Readonly<Record<string, readonly Ask[]>> = {
  both_traceparent_and_tracestate_missing: [{ fields: [], goesOn: false }],
  traceparent_included_tracestate_missing: [goesOn(sampled)],
  traceparent_duplicated: [
    {
      fields: [
        ['traceparent', sampled.replace('12-', '11-')],
        ['traceparent', sampled],
      ],
      goesOn: false,
    },
  ],
  traceparent_header_name: [isNew(sampled, 'trace-parent'), isNew(sampled, 'trace.parent')],
  traceparent_header_name_valid_casing: ['TraceParent', 'TrAcEpArEnT', 'TRACEPARENT'].map((name) =>
    goesOn(sampled, name),
  ),
  traceparent_version_0x00: [isNew(`${sampled}.`), isNew(`${sampled}-${future}`)],
  traceparent_version_0xcc: [
    goesOn(`cc${sampled.slice(2)}`),
    goesOn(`cc${sampled.slice(2)}-${future}`),
    isNew(`cc${sampled.slice(2)}.${future}`),
  ],
  traceparent_version_0xff: [isNew(`ff${sampled.slice(2)}`)],
  traceparent_version_illegal_characters: [isNew(`.0${sampled.slice(2)}`), isNew(`0.${sampled.slice(2)}`)],
  traceparent_version_too_long: [isNew(`0${sampled}`), isNew(`00${sampled}`)],
  traceparent_version_too_short: [isNew(sampled.slice(1))],
  traceparent_trace_id_all_zero: [isNew(`00-${'0'.repeat(32)}-${parent}-01`)],
  traceparent_trace_id_illegal_characters: [
    isNew(`00-.${id.slice(1)}-${parent}-01`),
    isNew(`00-${id.slice(1)}.-${parent}-01`),
  ],
  traceparent_trace_id_too_long: [isNew(`00-${id}3-${parent}-01`)],
  traceparent_trace_id_too_short: [isNew(`00-${id.slice(0, -1)}-${parent}-01`)],
  traceparent_parent_id_all_zero: [isNew(`00-${id}-${'0'.repeat(16)}-01`)],
  traceparent_parent_id_illegal_characters: [
    isNew(`00-${id}-.${parent.slice(1)}-01`),
    isNew(`00-${id}-${parent.slice(1)}.-01`),
  ],
  traceparent_parent_id_too_long: [isNew(`00-${id}-${parent}7-01`)],
  traceparent_parent_id_too_short: [isNew(`00-${id}-${parent.slice(1)}-01`)],
  traceparent_trace_flags_illegal_characters: [
    isNew(`00-${id}-${parent}-.0`),
    isNew(`00-${id}-${parent}-0.`),
  ],
  traceparent_trace_flags_too_long: [isNew(`00-${id}-${parent}-001`)],
  traceparent_trace_flags_too_short: [isNew(`00-${id}-${parent}-1`)],
  // Level 2: the flag is neither lost nor made up.
  traceparent_trace_flags_random: [
    { ...goesOn(`00-${id}-${parent}-03`), flags: '03' },
    { ...goesOn(`00-${id}-${parent}-02`), flags: '02' },
    { ...goesOn(sampled), flags: '01' },
    { ...goesOn(unsampled), flags: '00' },
  ],
  traceparent_ows_handling: [
    ` ${sampled}`,
    `\t${sampled}`,
    `${sampled} `,
    `${sampled}\t`,
    `\t ${sampled} \t`,
  ].map((value) => goesOn(value)),
  tracestate_included_traceparent_missing: [
    { fields: [['tracestate', 'foo=1']], goesOn: false },
    { fields: [['tracestate', 'foo=1,bar=2']], goesOn: false },
  ],
  tracestate_included_traceparent_included: [states(['foo=1,bar=2'], 'foo=1,bar=2')],
  tracestate_header_name: ['trace-state', 'trace.state'].map((name) => states(['foo=1'], undefined, name)),
  tracestate_header_name_valid_casing: ['TraceState', 'TrAcEsTaTe', 'TRACESTATE'].map((name) =>
    states(['foo=1'], 'foo=1', name),
  ),
  tracestate_empty_header: [states(['']), states(['foo=1', ''], 'foo=1'), states(['', 'foo=1'], 'foo=1')],
  tracestate_multiple_headers_different_keys: [
    states(['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'], 'foo=1,bar=2,rojo=1,congo=2,baz=3'),
  ],
  tracestate_duplicated_keys: [
    states(['foo=1,foo=1']),
    states(['foo=1,foo=2']),
    states(['foo=1', 'foo=1']),
    states(['foo=1', 'foo=2']),
  ],
  tracestate_all_allowed_characters: [`${letters}=${signs}`, `${letters}@a-z0-9_-*/=${signs}`].map((list) =>
    states([list], list),
  ),
  tracestate_ows_handling: [
    states(['foo=1 \t , \t bar=2, \t baz=3'], 'foo=1,bar=2,baz=3'),
    states(['foo=1\t \t,\t \tbar=2,\t \tbaz=3'], 'foo=1,bar=2,baz=3'),
    ...[' foo=1', '\tfoo=1', 'foo=1 ', 'foo=1\t', '\t foo=1 \t'].map((list) => states([list], 'foo=1')),
  ],
  tracestate_key_illegal_characters: [states(['foo =1']), states(['FOO=1']), states(['foo.bar=1'])],
  tracestate_key_illegal_vendor_format: [
    states(['foo@=1,bar=2']),
    states(['@foo=1,bar=2']),
    states(['foo@@bar=1,bar=2']),
    states(['foo@bar@baz=1,bar=2']),
  ],
  tracestate_member_count_limit: [
    states([bars(1, 10), bars(11, 20), bars(21, 30), bars(31, 32)], bars(1, 32)),
    states([bars(1, 10), bars(11, 20), bars(21, 30), bars(31, 33)]),
  ],
  tracestate_key_length_limit: [
    states(['foo=1', `${'z'.repeat(256)}=1`], `foo=1,${'z'.repeat(256)}=1`),
    states(['foo=1', `${'z'.repeat(257)}=1`]),
    states(
      ['foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
      `foo=1,${'t'.repeat(241)}@${'v'.repeat(14)}=1`,
    ),
    states(['foo=1', `${'t'.repeat(242)}@v=1`]),
    states(['foo=1', `t@${'v'.repeat(15)}=1`]),
  ],
  tracestate_value_illegal_characters: [states(['foo=bar=baz']), states(['foo=,bar=3'])],
  multiple_requests_with_valid_traceparent: [{ ...goesOn(sampled), calls: 3 }],
  multiple_requests_without_traceparent: [{ fields: [], goesOn: false, calls: 3 }],
  multiple_requests_with_illegal_traceparent: [{ ...isNew(`00-${'0'.repeat(32)}-${parent}-01`), calls: 3 }],
}

const legal = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

for (const [name, service] of Object.entries(services)) {
  describe(`W3C trace context, ${name}`, () => {
    /** What the service called back with. */
    const calledBack = async ({ fields, calls = 1 }: Ask): Promise<readonly (readonly string[])[]> => {
      const heard: (readonly string[])[] = []
      await using harness = await serve((req, res) => {
        heard.push(req.rawHeaders)
        res.end()
      })
      const call = mill.wrap('callback', async () => {
        await (await fetch(`http://127.0.0.1:${harness.port}`, { headers: traceHeaders() })).text()
      })
      const respond = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) await call()
      }
      await using asked = await serve(service(respond))
      const answer = await send(asked.port, {
        target: `/test/${calls}`,
        fields: [['Host', 'a.test'], ...fields],
      })
      assert.equal(answer.status, 200)
      assert.equal(heard.length, calls)
      return heard
    }

    const fieldsOf = (raw: readonly string[], name: string): readonly string[] =>
      raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name)

    for (const [title, asks] of Object.entries(cases)) {
      it(title, async () => {
        for (const ask of asks) {
          const callbacks = await calledBack(ask)
          const parents = new Set([parent])
          for (const raw of callbacks) {
            const [traceparent = '', ...more] = fieldsOf(raw, 'traceparent')
            assert.deepEqual(more, [])
            const [, traceId, parentId = '', flags] = legal.exec(traceparent) ?? assert.fail(traceparent)
            assert.equal(traceId === id, ask.goesOn, traceparent)
            // What is not sampled here is not told from who asked.
            if (flags !== '00' && flags !== '02') {
              assert.ok(!parents.has(parentId))
              parents.add(parentId)
            }
            if (ask.flags !== undefined) assert.equal(flags, ask.flags)
            assert.deepEqual(fieldsOf(raw, 'tracestate'), ask.state === undefined ? [] : [ask.state])
          }
        }
      })
    }
  })
}

it('these are all the cases', () => assert.equal(Object.keys(cases).length, 41))
