import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createApp, oneByOne, together } from './app.ts'
import type { Database } from './database.ts'

/** What one request, and ten at once, take. */
export interface Measured {
  readonly title: string
  /** Queries for one request, and for ten. */
  readonly queries: readonly [one: number, ten: number]
  /** Milliseconds, the same. */
  readonly took: readonly [one: number, ten: number]
  readonly answer: string
}

const ways = { 'one by one': oneByOne, together } as const

export const compare = async (database: Database): Promise<readonly Measured[]> => {
  const measured: Measured[] = []
  for (const [title, way] of Object.entries(ways)) {
    const server = createApp(database, way(database)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/cities?limit=100`)).text()
    // Connections of the pool are opened by now, and the code is compiled.
    await Promise.all(Array.from({ length: 20 }, ask))
    const one = await count(database, ask)
    const ten = await count(database, async () => {
      const answers = new Set(await Promise.all(Array.from({ length: 10 }, ask)))
      if (answers.size > 1) throw new Error('the same request was answered differently')
      return ''
    })
    server.closeAllConnections()
    server.close()
    measured.push({
      title,
      queries: [one.queries, ten.queries],
      took: [one.took, ten.took],
      answer: one.answer,
    })
  }
  return measured
}

const count = async (database: Database, ask: () => Promise<string>) => {
  const before = database.queries
  const began = performance.now()
  const answer = await ask()
  return { answer, queries: database.queries - before, took: performance.now() - began }
}

export const table = (measured: readonly Measured[]): string =>
  [
    '100 cities with their countries    queries    ms    queries of 10 requests    ms',
    ...measured.map(({ title, queries: [one, ten], took: [first, all] }) =>
      [
        title.padEnd(32),
        String(one).padStart(10),
        first.toFixed(0).padStart(5),
        String(ten).padStart(25),
        all.toFixed(0).padStart(5),
      ].join(' '),
    ),
  ].join('\n')
