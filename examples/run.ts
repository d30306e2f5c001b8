/**
 * What `npm start` runs: the same stream of requests to each app, first without and then with Millrace; a table of
 * what was measured; then all of them go on serving, to be tried by hand.
 *
 *     --once             stop after the table
 *     --requests <n>     how many requests each app gets
 *     --connections <n>  how many of them are under way at a time
 *     PORT=<n>           where the apps listen: this port and the next three, or free ones where those are taken
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { buildDatabase, Cities } from './cities/src/index.ts'
import {
  header,
  progress,
  type Round,
  requestStream,
  row,
  type Served,
  send,
  serve,
} from './load/src/index.ts'

const POPULAR_CITIES = 1000
const ZIPF_EXPONENT = 1
const SEED = 2026

const frameworks = [
  { title: 'Express 5', app: 'express' },
  { title: 'Koa 3', app: 'koa' },
]

interface Plan {
  readonly once: boolean
  readonly requests: number
  readonly connections: number
  readonly port: number
}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      requests: { type: 'string', default: '3500' },
      connections: { type: 'string', default: '16' },
    },
  })
  return {
    once: values.once,
    requests: whole('--requests', values.requests, 1, 1_000_000),
    connections: whole('--connections', values.connections, 1, 256),
    port: whole('PORT', process.env.PORT ?? '3000', 0, 65_532),
  }
}

function whole(name: string, text: string, from: number, to: number): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isInteger(value) && value >= from && value <= to) return value
  throw new Error(`${name}: expected a whole number from ${from} to ${to}, got "${text}"`)
}

async function loadCities(signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const made = await buildDatabase({
    signal,
    onProgress: progress(process.stderr, 'Loading the cities of GeoNames'),
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const done = made === 'built' ? `in SQLite, loaded in ${seconds} s` : 'in SQLite, loaded by an earlier run'
  console.log(`Data:   135,000 cities of GeoNames (CC BY 4.0) ${done}`)
}

function stream(length: number): string[] {
  const cities = new Cities()
  try {
    const popular = cities.search({ limit: POPULAR_CITIES })
    return requestStream({ cities: popular, exponent: ZIPF_EXPONENT, seed: SEED, length })
  } finally {
    cities.close()
  }
}

/** The answers of the app with Millrace that are not those of the app without. */
const different = (paths: readonly string[], before: Round, after: Round): string[] =>
  paths.filter((_, index) => before.answers[index] !== after.answers[index])

function howToTry(apps: readonly { readonly title: string; readonly served: Served }[]): string {
  const [first] = apps
  if (first === undefined) return ''
  return `
The apps go on serving until Ctrl-C:
${apps.map(({ title, served }) => `  ${title.padEnd(20)} ${served.origin}`).join('\n')}

Try each of these twice, and look at Server-Timing (where the time went) and Cache-Status (hit or miss):
  curl -i "${first.served.origin}/countries/US/stats"
  curl -i "${first.served.origin}/cities?q=san&near=37.8,-122.4"
  curl -i "${first.served.origin}/cities/2657896/neighbours?radius=20"
What the table in app.millrace.ts does not name, or switches off, is not cached:
  curl -i -X POST -H "content-type: application/json" -d "{\\"visitor\\":\\"Ada\\"}" "${first.served.origin}/cities/2657896/visits"
  curl -i "${first.served.origin}/cities/2657896/visits"`
}

async function main(plan: Plan, running: Served[], signal: AbortSignal): Promise<void> {
  await loadCities(signal)
  const paths = stream(plan.requests)
  console.log(
    `Stream: ${paths.length.toLocaleString('en')} requests per app, ${plan.connections} at a time, for the ` +
      `${POPULAR_CITIES.toLocaleString('en')} largest cities (Zipf exponent ${ZIPF_EXPONENT}, seed ${SEED}); every process starts cold\n`,
  )

  const start = async (app: string, offset: number): Promise<Served> => {
    const port = plan.port === 0 ? 0 : plan.port + offset
    const served = await serve(new URL('./serve.ts', import.meta.url), [app, String(port)])
    running.push(served)
    signal.throwIfAborted()
    return served
  }
  const measure = async (title: string, served: Served): Promise<Round> => {
    const { connections } = plan
    const onProgress = progress(process.stderr, title)
    const callsBefore = await served.handlerCalls()
    const measured = await send(served.origin, paths, { connections, signal, onProgress })
    const failed = measured.answers.findIndex((answer) => !answer.startsWith('200 '))
    if (failed >= 0) throw new Error(`${title} answered ${paths[failed]} with ${measured.answers[failed]}`)
    return { ...measured, handlerCalls: (await served.handlerCalls()) - callsBefore }
  }

  console.log(header())
  const apps: { title: string; served: Served }[] = []
  const wrong: string[] = []
  for (const [index, { title, app }] of frameworks.entries()) {
    const plain = await start(app, 2 * index + 1)
    const before = await measure(title, plain)
    console.log(row(title, before))

    const withMillrace = await start(`${app}+millrace`, 2 * index)
    for (const pass of ['with Millrace', 'the same again']) {
      const after = await measure(`${title} ${pass}`, withMillrace)
      console.log(row(`  ${pass}`, after, before))
      wrong.push(...different(paths, before, after).map((path) => `${title}: ${path}`))
    }
    apps.push({ title: `${title} + Millrace`, served: withMillrace }, { title, served: plain })
  }

  if (wrong.length > 0) throw new Error(`${wrong.length} answers differ with Millrace, first of ${wrong[0]}`)
  console.log('\nEvery answer with Millrace was the same as without: status, type and body.')
  if (plan.once) return
  console.log(howToTry(apps))
  await once(signal, 'abort')
}

function readPlanOrExit(): Plan {
  try {
    return readPlan()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}

const plan = readPlanOrExit()
const running: Served[] = []
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort())
try {
  await main(plan, running, interrupted.signal)
} catch (error) {
  // Whoever interrupts knows why it ended.
  if (!interrupted.signal.aborted) throw error
  process.exitCode = 130
} finally {
  await Promise.all(running.map((served) => served.stop()))
}
