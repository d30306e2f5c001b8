import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Millrace, millrace, reply } from '@millrace/core'
import { fakeExchange, settled } from '@millrace/testing'
import { type Context, context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { keepOf, type TracingRule, traceHeaders, tracing } from '../src/index.ts'

/** Where each span was started. */
const started: { readonly name: string; readonly from: Context }[] = []
const processor: SpanProcessor = {
  onStart: ({ name }, from) => void started.push({ name, from }),
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
}
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [processor] }))
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

const millWith = (rule: TracingRule, random = Math.random): Millrace =>
  millrace({
    plugins: [tracing({ random })],
    routes: { '/**': { tracing: rule } },
    calls: { '**': { tracing: rule } },
  })

/** @returns what the handler would send on, and what was started */
const ask = async (
  mill: Millrace,
  headers: Record<string, string> = {},
): Promise<{ readonly sent: string | undefined; readonly spans: typeof started }> => {
  let sent: string | undefined
  const handler = async () => {
    await settled()
    sent = traceHeaders()['traceparent']
    return reply(200)
  }
  const exchange = fakeExchange({ handler, headers })
  await mill.match('GET', '/').run(exchange)
  exchange.finish()
  await settled()
  return { sent, spans: started.splice(0) }
}

const parent = (flags: string): Record<string, string> => ({
  traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-${flags}`,
})

const any = /^00-[0-9a-f]{32}-[0-9a-f]{16}-/

describe('a rule that chooses', () => {
  it('records what is chosen', async () => {
    const { sent, spans } = await ask(millWith({ sample: 0.5 }, () => 0.49))
    assert.equal(spans.length, 2)
    assert.match(sent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  })

  it('does not record the others, and says so to what they call', async () => {
    const { sent, spans } = await ask(millWith({ sample: 0.5 }, () => 0.5))
    assert.equal(spans.length, 0)
    assert.match(sent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  })

  it('gives each another trace', async () => {
    const mill = millWith({ sample: 0 })
    const ids = new Set<string>()
    for (let i = 0; i < 600; i++) ids.add((await ask(mill)).sent ?? '')
    assert.equal(ids.size, 600)
    for (const id of ids) assert.match(id, any)
  })

  it('takes its share', async () => {
    let seed = 1
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    }
    const plugin = tracing({ random })
    const mill = millrace({ plugins: [plugin], routes: { '/**': { tracing: { sample: 0.1 } } } })
    for (let i = 0; i < 2000; i++) await ask(mill)
    const { recorded, unsampled } = Object(plugin.inspect?.())
    assert.equal(recorded + unsampled, 2000)
    assert.ok(recorded > 140 && recorded < 260, String(recorded))
  })

  for (const [flags, count] of [
    ['00', 0],
    ['01', 2],
    ['02', 0],
    ['03', 2],
  ] as const) {
    it(`does as it was told by ${flags}`, async () => {
      for (const sample of [0, 1]) {
        const { sent, spans } = await ask(millWith({ sample }), parent(flags))
        assert.equal(spans.length, count)
        assert.match(sent ?? '', new RegExp(`^00-1{32}-[0-9a-f]{16}-${flags}$`))
      }
    })
  }
})

describe('a rule that keeps', () => {
  const keep = { errors: true, slow: '1s' }

  it('records what is not chosen, and says what is to be kept of it', async () => {
    const { sent, spans } = await ask(millWith({ sample: 0, keep }))
    assert.deepEqual(
      spans.map(({ from }) => keepOf(from)),
      [
        { errors: true, slow: 1000 },
        { errors: true, slow: 1000 },
      ],
    )
    // Nobody knows yet whether it is kept, and what it calls has its own choice.
    assert.match(sent ?? '', /-00$/)
  })

  it('says nothing of what is chosen', async () => {
    const { sent, spans } = await ask(millWith({ sample: 1, keep }))
    assert.deepEqual(
      spans.map(({ from }) => keepOf(from)),
      [undefined, undefined],
    )
    assert.match(sent ?? '', /-01$/)
  })

  it('records nothing for nothing', async () => {
    assert.equal((await ask(millWith({ sample: 0, keep: {} }))).spans.length, 0)
  })

  it('does as it was told by a parent', async () => {
    assert.equal((await ask(millWith({ sample: 1, keep }), parent('00'))).spans.length, 0)
  })
})

describe('a call', () => {
  const seen = async (rule: TracingRule): Promise<{ sent: string | undefined; names: readonly string[] }> => {
    const call = millWith(rule).wrap('city.find', async () => traceHeaders()['traceparent'])
    const sent = await call()
    return { sent, names: started.splice(0).map(({ name }) => name) }
  }

  it('outside of a request is chosen by its own rule', async () => {
    assert.deepEqual((await seen({ sample: 1 })).names, ['city.find'])
    const { sent, names } = await seen({ sample: 0 })
    assert.deepEqual(names, [])
    assert.match(sent ?? '', /-00$/)
  })

  it('in a request is recorded if that is', async () => {
    for (const sample of [0, 1]) {
      const mill = millWith({ sample })
      const inner = mill.wrap('city.find', async () => undefined, { tracing: { sample: 1 - sample } })
      const exchange = fakeExchange({ handler: async () => reply(200, {}, String(await inner())) })
      await mill.match('GET', '/').run(exchange)
      const names = started.splice(0).map(({ name }) => name)
      assert.deepEqual(names, sample === 0 ? [] : ['GET', 'handler', 'city.find'])
    }
  })
})
