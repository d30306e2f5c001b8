import './threadpool.ts'
import { describe, it } from 'node:test'
import { compare } from './compare.ts'
import { share } from './effort.ts'
import { http1Theatre } from './execute.ts'
import { expressCases } from './express-cases.ts'
import { onExpress5, onKoa3 } from './hosts.ts'
import { knownOn } from './known.ts'
import { koaCases } from './koa-cases.ts'
import { expressMiddleware, koaMiddleware, places, stand } from './middleware.ts'
import { ask, call, type Op, type Program, wait } from './program.ts'
import { transparent, type Variant, variants } from './variants.ts'

const gzip = ['Accept-Encoding', 'gzip'] as const
const filled = { make: 'filled', size: 3_000, as: 'string' } as const
const flush: Op = call('flush')
const get = (...ops: readonly Op[]): Program => ({ ask: ask({ fields: [gzip] }), ops, listens: true })

/** Ways to answer that meet what middleware does to a response. */
const expressPrograms: Readonly<Record<string, Program | undefined>> = {
  ...Object.fromEntries(
    [
      'send text',
      'json',
      'send to head',
      'send 204',
      'send a fresh answer',
      'redirect',
      'sendFile',
      'sendFile a range',
      'events',
      'pipe',
      'raw writes',
      'raw writeHead',
      'throws',
      'throws after the head, later',
      'next with an error after fields',
      'next',
      'no route',
      'render',
    ].map((name) => [name, expressCases[name]]),
  ),
  'compressed text': get(call('send', filled)),
  'compressed json': get(call('json', { filled })),
  'compressed pieces': get(
    call('type', 'text'),
    call('write', filled),
    flush,
    wait('client'),
    call('write', 'two'),
    flush,
    wait('client'),
    call('end', 'three'),
  ),
  'compressed pieces, not flushed': get(
    call('type', 'text'),
    call('write', filled),
    call('write', 'two'),
    call('end'),
  ),
  'compressed pipe': get(call('type', 'text'), {
    op: 'pipe',
    how: 'pipe',
    chunks: ['one', 'two', 'three'],
    pace: 'together',
  }),
  'compressed file': get(call('sendFile', { make: 'file', name: 'fox.txt' })),
  'compressed head': { ask: ask({ method: 'HEAD', fields: [gzip] }), ops: [call('send', filled)] },
  'not compressible': get(call('type', 'png'), call('send', filled)),
  'a static file': { ask: ask({ path: '/fox.txt', fields: [gzip] }), ops: [] },
  'a static page': { ask: ask({ path: '/' }), ops: [] },
  'a static file that is not there': { ask: ask({ path: '/nothing.txt' }), ops: [] },
  'a static file in part': { ask: ask({ path: '/fox.txt', fields: [['Range', 'bytes=5-9']] }), ops: [] },
}

const koaPrograms: Readonly<Record<string, Program | undefined>> = {
  ...Object.fromEntries(
    [
      'body text',
      'body an object',
      'body null',
      'no body',
      'body a stream',
      'body a stream at once',
      'body a Blob',
      '204',
      'head',
      'redirect',
      'throws',
      'throw',
      'raw in pieces',
      'raw at once without saying so',
      'flushHeaders and text',
      'next',
    ].map((name) => [name, koaCases[name]]),
  ),
  'compressed text': {
    ask: ask({ fields: [gzip] }),
    ops: [{ op: 'set', on: 'ctx', name: 'body', value: filled }],
  },
  'compressed stream': {
    ask: ask({ fields: [gzip] }),
    ops: [
      { op: 'set', on: 'ctx', name: 'type', value: 'text/plain' },
      {
        op: 'set',
        on: 'ctx',
        name: 'body',
        value: { make: 'stream', chunks: ['one', 'two'], pace: 'together' },
      },
    ],
  },
  'a static file': { ask: ask({ path: '/fox.txt' }), ops: [] },
  'a static file that is not there': { ask: ask({ path: '/nothing.txt' }), ops: [] },
}

/**
 * What comes out of a compressor, or of somebody who looks at the body's kind and length, depends on the very body that went
 * in, and so is another with a layer that puts another body there.
 */
const sensitive = [
  'compression',
  'compression above a threshold',
  'everything',
  'koa-compress',
  'koa-static, deferred',
  'a field afterwards',
  'another body',
]

const variantsFor = (name: string, place: string): readonly Variant[] =>
  place === 'before' && sensitive.includes(name) ? transparent : variants

for (const place of places) {
  for (const [name, make] of Object.entries(expressMiddleware)) {
    const play = http1Theatre((program, run, variant) =>
      onExpress5(program.ops, run, variant, stand(place, make(run))),
    )
    describe(`Express 5: ${name} ${place}`, () => {
      for (const [turn, [title, program]] of Object.entries(expressPrograms).entries())
        if (program)
          it(title, () =>
            compare(
              play,
              program,
              share(variantsFor(name, place), turn, 4),
              place === 'behind' ? 'wire' : 'calls',
            ),
          )
    })
  }
  for (const [name, make] of Object.entries(koaMiddleware)) {
    const play = http1Theatre((program, run, variant) =>
      onKoa3(program.ops, run, variant, (app) => stand(place, make(app, run))),
    )
    const suite = `Koa 3: ${name} ${place}`
    describe(suite, () => {
      for (const [turn, [title, program]] of Object.entries(koaPrograms).entries())
        if (program)
          it(title, knownOn(suite, title), () =>
            compare(
              play,
              program,
              share(variantsFor(name, place), turn, 4),
              place === 'behind' ? 'wire' : 'calls',
            ),
          )
    })
  }
}
