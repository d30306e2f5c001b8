import fc, { type Arbitrary } from 'fast-check'
import type { Ask } from './client.ts'
import { ask, call, type Made, type Op, type Pace, type Program, set, type Value, wait } from './program.ts'

const oneOf = <T>(...values: readonly T[]): Arbitrary<T> => fc.constantFrom(...values)

/** Fields that may come several times, and those that HTTP/2 takes once. */
const manifold = oneOf('X-A', 'x-a', 'X-B', 'Set-Cookie', 'Cache-Control', 'Vary')
const name = fc.oneof(
  { weight: 6, arbitrary: manifold },
  { weight: 3, arbitrary: oneOf('Content-Type', 'ETag', 'Date') },
)
const anyName = fc.oneof({ weight: 10, arbitrary: name }, { weight: 1, arbitrary: fc.constant('a b') })
// What makes `writeHead` and `end` throw is among the cases: how they leave Node is not worth more.
const filled = oneOf('1', 'two', 'text/plain', '"tag"', 'no-store', 'a=1; Path=/')
const line = fc.oneof({ weight: 6, arbitrary: filled }, { weight: 1, arbitrary: fc.constant('') })
const lines = fc.array(line, { minLength: 1, maxLength: 3 })
const field: Arbitrary<readonly Value[]> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(anyName, line) },
  { weight: 2, arbitrary: fc.tuple(manifold, lines) },
  { weight: 1, arbitrary: fc.tuple(name, oneOf<Value>(7, undefined, null, true, 'bad\nvalue')) },
)
const status = oneOf<Value>(200, 200, 201, 203, 204, 304, 404, 500, 599)
const reason = oneOf('Fine', 'OK', '')
/** A head that a layer has changed gets Node's reason in the place of an empty one. */
const givenReason = oneOf('Fine', 'OK')
const text = oneOf('', 'a', 'bc', 'hello', 'h\u00e9llo', '{"a":1}')
const named: Arbitrary<Made> = fc.nat({ max: 9 }).map((i) => ({ make: 'callback', name: `callback ${i}` }))
const someBytes: Arbitrary<Made> = fc.record({
  make: fc.constant('bytes' as const),
  text,
  as: oneOf('buffer' as const, 'uint8array' as const),
})
const chunk: Arbitrary<Value> = fc.oneof({ weight: 5, arbitrary: text }, { weight: 3, arbitrary: someBytes })
const notChunk: Arbitrary<Value> = oneOf<Value>(null, undefined, 5, true, { a: 1 })
// Not hex and base64: Node miscounts a text that is none.
const encoding = oneOf('utf8', 'latin1', 'ascii', 'utf16le')
const failure: Made = { make: 'error', message: 'no' }

/**
 * A name in one spelling, its lines together: a head that a layer has changed is written so. None is empty: Node loses
 * such a one over HTTP/2, if others follow.
 */
const distinct = fc.uniqueArray(
  fc.tuple(oneOf('X-A', 'X-B', 'Set-Cookie', 'Vary'), fc.array(filled, { minLength: 1, maxLength: 3 })),
  { maxLength: 3, selector: ([name]) => name },
)
const pairs = distinct.map((all) => all.flatMap(([name, lines]) => lines.map((line) => [name, line])))

const fields: Arbitrary<Value> = fc.oneof(
  distinct.map((all) =>
    Object.fromEntries(all.map(([name, lines]) => [name, lines.length === 1 ? lines[0] : lines])),
  ),
  pairs,
  pairs.map((all) => all.flat()),
  fc.constant(undefined),
)

const args = (...parts: readonly Arbitrary<readonly Value[]>[]): Arbitrary<readonly Value[]> =>
  fc.tuple(...parts).map((lists) => lists.flat())
const just = (value: Arbitrary<Value>): Arbitrary<readonly Value[]> => value.map((each) => [each])
const maybe = (value: Arbitrary<Value>): Arbitrary<readonly Value[]> => fc.oneof(fc.constant([]), just(value))
const method = (method: string, list: Arbitrary<readonly Value[]>): Arbitrary<Op> =>
  list.map((each) => call(method, ...each))
const property = (property: string, value: Arbitrary<Value>): Arbitrary<Op> =>
  value.map((each) => set(property, each))

const pause = oneOf(wait('microtask'), wait('tick'), wait('immediate'), wait('client'), wait('client'))

const onHead = fc.oneof(
  { weight: 4, arbitrary: method('setHeader', field) },
  { weight: 2, arbitrary: method('appendHeader', field) },
  { weight: 2, arbitrary: method('removeHeader', just(name)) },
  { weight: 1, arbitrary: method('hasHeader', just(name)) },
  { weight: 1, arbitrary: method('getHeader', just(name)) },
  { weight: 2, arbitrary: property('statusCode', status) },
)

/** What Node looks at when it makes the head, and nobody changes after that. */
const beforeHead = fc.oneof(
  { weight: 10, arbitrary: onHead },
  { weight: 1, arbitrary: method('addTrailers', fc.constant([{ 'X-T': '1' }])) },
  { weight: 1, arbitrary: property('statusMessage', reason) },
  { weight: 1, arbitrary: property('sendDate', oneOf<Value>(false, true)) },
  { weight: 1, arbitrary: property('shouldKeepAlive', fc.constant(false)) },
)

const writing = fc.oneof(
  { weight: 8, arbitrary: method('write', args(just(chunk), maybe(encoding), maybe(named))) },
  { weight: 1, arbitrary: method('write', just(notChunk)) },
  { weight: 2, arbitrary: method('flushHeaders', fc.constant([])) },
  { weight: 2, arbitrary: method('writeHead', args(just(status), maybe(givenReason), just(fields))) },
  { weight: 1, arbitrary: method('writeProcessing', maybe(named)) },
  {
    weight: 1,
    arbitrary: method('writeEarlyHints', fc.constant([{ link: '</a.css>; rel=preload; as=style' }])),
  },
)

const ending: Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: method('end', args(maybe(chunk), fc.constant([]))) },
  { weight: 3, arbitrary: method('end', args(just(chunk), maybe(encoding), just(named))) },
  { weight: 1, arbitrary: method('end', just(named)) },
)

const chunks = fc.array(oneOf('one', 'two', 'three'), { maxLength: 3 })
/** A source that fails does it when the client has what came before; else it is a matter of luck whether it gets that. */
const flow = oneOf<{ readonly pace: Pace; readonly fails: boolean }>(
  { pace: 'sync', fails: false },
  { pace: 'together', fails: false },
  { pace: 'together', fails: false },
  { pace: 'sync', fails: true },
)
const piping: Arbitrary<Op> = fc
  .record({
    op: fc.constant('pipe' as const),
    how: oneOf('pipe' as const, 'pipeline' as const),
    chunks,
    flow,
  })
  .map(({ flow, ...pipe }) => ({ ...pipe, ...flow }))

/** Between cork and uncork, in one go or over ticks. */
const corked = (inner: Arbitrary<Op>): Arbitrary<readonly Op[]> =>
  fc.array(inner, { maxLength: 3 }).map((ops) => [call('cork'), ...ops, call('uncork')])

const single = (op: Arbitrary<Op>): Arbitrary<readonly Op[]> => op.map((each) => [each])
const several = (op: Arbitrary<readonly Op[]>, maxLength: number): Arbitrary<readonly Op[]> =>
  fc.array(op, { maxLength }).map((lists) => lists.flat())

const last: Arbitrary<readonly Op[]> = fc.oneof(
  { weight: 12, arbitrary: single(ending) },
  { weight: 4, arbitrary: piping.map((op) => [op, wait('client')]) },
  { weight: 1, arbitrary: fc.constant([wait('client'), call('destroy'), wait('close')]) },
  { weight: 1, arbitrary: fc.constant([wait('client'), { op: 'leave' } as const]) },
  { weight: 1, arbitrary: fc.constant([]) },
)

const method1: Arbitrary<Partial<Ask>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.constant({ method: 'HEAD' }) },
  {
    weight: 1,
    arbitrary: fc.record({ method: oneOf('POST', 'PUT'), body: fc.record({ text, chunked: fc.boolean() }) }),
  },
)
const connection: Arbitrary<Partial<Ask>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ version: '1.0' as const }) },
  { weight: 1, arbitrary: fc.constant({ fields: [['Connection', 'close'] as const] }) },
)

const around = (
  head: Arbitrary<Op>,
  body: Arbitrary<Op>,
  end: Arbitrary<readonly Op[]>,
): Arbitrary<readonly Op[]> =>
  fc
    .tuple(
      several(single(head), 4),
      several(
        fc.oneof(
          { weight: 5, arbitrary: single(body) },
          { weight: 3, arbitrary: single(pause) },
          { weight: 1, arbitrary: corked(body) },
        ),
        6,
      ),
      end,
      // At once or when all is over: in between, what comes first is a matter of luck.
      oneOf<readonly Op[]>([], [wait('client')]),
      several(single(fc.oneof(body, ending)), 2),
    )
    .map((parts) => parts.flat())

/** What may happen to an answer only if its framing is the handler's. */
const isFramed = ({ ask, ops }: Pick<Program, 'ask' | 'ops'>): boolean =>
  ask.version === '1.0' ||
  ops.some(
    (op) =>
      (op.op === 'call' && ['cork', 'destroy', 'addTrailers'].includes(op.method)) ||
      (op.op === 'set' && op.name === 'shouldKeepAlive') ||
      op.op === 'leave' ||
      op.op === 'fail' ||
      (op.op === 'pipe' && op.fails === true),
  ) ||
  // Koa keeps the length of a body that is replaced, and takes the framing away where there is none for a time.
  ops.filter(
    (op) =>
      op.op === 'next' ||
      (op.op === 'set' && op.on === 'ctx' && /^(?:body|status)$/.test(op.name)) ||
      (op.op === 'call' && op.on === 'ctx' && op.method === 'redirect'),
  ).length > 1

const program = (asks: Arbitrary<Partial<Ask>>, ops: Arbitrary<readonly Op[]>): Arbitrary<Program> =>
  fc.tuple(asks, ops).map(([change, ops]) => {
    const asked = { ask: ask(change), ops }
    return { ...asked, listens: true, framed: isFramed(asked) }
  })

const asks = fc.tuple(method1, connection).map(([one, other]) => ({ ...one, ...other }))

/** Handlers on a bare response. */
export const nodePrograms: Arbitrary<Program> = program(
  asks,
  around(beforeHead, fc.oneof({ weight: 6, arbitrary: writing }, { weight: 1, arbitrary: onHead }), last),
)

const errors: Arbitrary<Op> = fc.record({
  op: fc.constant('fail' as const),
  how: oneOf('throw' as const, 'reject' as const, 'next' as const),
  error: oneOf<Value>(failure, { make: 'error', message: 'teapot', status: 418 }),
})

const expressHead = fc.oneof(
  beforeHead,
  method('status', just(oneOf<Value>(200, 201, 404))),
  method('set', args(just(oneOf('X-A', 'X-B')), just(line))),
  method('type', just(oneOf('html', 'json', 'txt'))),
  method('vary', just(oneOf('Accept', '*'))),
  method('cookie', args(just(oneOf('a', 'b')), just(fc.constant('c')))),
)

const answers: Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: method('send', just(fc.oneof(chunk, oneOf<Value>(null, undefined, true, { a: 1 })))),
  },
  { weight: 3, arbitrary: method('json', just(oneOf<Value>({ a: 1 }, null, [1, 2], 'text'))) },
  { weight: 1, arbitrary: method('sendStatus', just(oneOf<Value>(204, 404))) },
  { weight: 1, arbitrary: method('redirect', just(fc.constant('/there'))) },
  {
    weight: 2,
    arbitrary: method(
      'sendFile',
      args(
        just(
          oneOf<Value>(
            { make: 'file', name: 'fox.txt' },
            { make: 'file', name: 'empty.txt' },
            { make: 'file', name: 'nothing.txt' },
          ),
        ),
        maybe(named),
      ),
    ),
  },
  { weight: 1, arbitrary: method('format', just(fc.constant({ make: 'formatters' as const }))) },
)

const expressAsks = fc
  .tuple(
    method1,
    oneOf<readonly (readonly [string, string])[]>(
      [],
      [],
      [['Range', 'bytes=3-9']],
      [['If-None-Match', '*']],
      [['If-Modified-Since', 'Tue, 01 Jan 2030 00:00:00 GMT']],
      [['Accept', 'application/json']],
    ),
    oneOf('/at', '/at', '/get/1', '/router/1/deep/2', '/sub/1', '/nowhere'),
  )
  .map(([one, fields, path]) => ({ ...one, fields, path }))

/** Handlers on Express. */
export const expressPrograms: Arbitrary<Program> = program(
  expressAsks,
  around(
    expressHead,
    fc.oneof({ weight: 3, arbitrary: writing }, { weight: 3, arbitrary: onHead }),
    // A file takes its time, and what else is done meanwhile meets it at another moment each time.
    fc.oneof(
      { weight: 8, arbitrary: answers.map((op) => [op, wait('client')]) },
      { weight: 2, arbitrary: last },
      { weight: 3, arbitrary: single(errors) },
      { weight: 1, arbitrary: fc.constant([{ op: 'next' } as const]) },
    ),
  ),
)

const koaBody: Arbitrary<Value> = fc.oneof(
  chunk,
  oneOf<Value>(
    null,
    undefined,
    { a: 1 },
    [1],
    5,
    { make: 'blob', text: 'blob' },
    { make: 'webstream', chunks: ['one', 'two'] },
  ),
  fc.record({ chunks, flow }).map(({ chunks, flow }) => ({ make: 'stream' as const, chunks, ...flow })),
)
const onCtx = (method: string, list: Arbitrary<readonly Value[]>): Arbitrary<Op> =>
  list.map((args) => ({ op: 'call', on: 'ctx', method, args }))
const ctxIs = (name: string, value: Arbitrary<Value>): Arbitrary<Op> =>
  value.map((each) => ({ op: 'set', on: 'ctx', name, value: each }))

const koaOp: Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: ctxIs('body', koaBody) },
  { weight: 3, arbitrary: ctxIs('status', oneOf<Value>(200, 201, 204, 304, 404, 500)) },
  { weight: 1, arbitrary: ctxIs('message', fc.constant('Fine')) },
  { weight: 2, arbitrary: ctxIs('type', oneOf('html', 'text/plain', 'json')) },
  { weight: 1, arbitrary: ctxIs('etag', fc.constant('abc')) },
  {
    weight: 3,
    arbitrary: onCtx(
      'set',
      args(just(oneOf('X-A', 'Set-Cookie')), just(fc.oneof(line, fc.constant(['a=1', 'b=2'])))),
    ),
  },
  { weight: 1, arbitrary: onCtx('append', args(just(oneOf('X-A')), just(line))) },
  { weight: 1, arbitrary: onCtx('remove', just(oneOf('X-A', 'Content-Type', 'Content-Length'))) },
  { weight: 1, arbitrary: onCtx('redirect', just(fc.constant('/there'))) },
  { weight: 1, arbitrary: onCtx('attachment', just(fc.constant('a.txt'))) },
  {
    weight: 1,
    arbitrary: oneOf<Op>(
      { op: 'get', on: 'ctx', name: 'length' },
      { op: 'get', on: 'ctx', name: 'type' },
      { op: 'get', on: 'ctx', name: 'headerSent' },
      { op: 'get', on: 'ctx', name: 'fresh' },
    ),
  },
)

const koaErrors: Arbitrary<Op> = fc.oneof(
  errors.filter((op) => op.op === 'fail' && op.how !== 'next'),
  fc.constant<Op>({ op: 'call', on: 'ctx', method: 'throw', args: [403, 'not you'], loose: true }),
)
const rawKoa: Arbitrary<readonly Op[]> = around(beforeHead, writing, last).map((ops) => [
  { op: 'set', on: 'ctx', name: 'respond', value: false },
  ...ops,
])

/** Handlers on Koa. */
export const koaPrograms: Arbitrary<Program> = program(
  fc
    .tuple(
      method1,
      oneOf<readonly (readonly [string, string])[]>(
        [],
        [['If-None-Match', '"abc"']],
        [['Accept', 'text/html']],
      ),
    )
    .map(([one, fields]) => ({ ...one, fields })),
  fc.oneof(
    {
      weight: 6,
      arbitrary: several(
        fc.oneof(
          { weight: 4, arbitrary: single(koaOp) },
          { weight: 1, arbitrary: single(pause) },
          { weight: 1, arbitrary: fc.constant([{ op: 'next' } as const]) },
        ),
        6,
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(several(single(koaOp), 4), single(koaErrors)).map((parts) => parts.flat()),
    },
    { weight: 2, arbitrary: rawKoa },
  ),
)
