import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { compress } from '@millrace/compress'
import { millrace } from '@millrace/core'
import { type Bench, type Defect, defects } from './defects.ts'
import { hosts, type Scene, type Served, serve } from './hosts.ts'
import { peerNames, peers, type Wish } from './peers.ts'

interface Tried {
  readonly app: RequestListener
  stop?(): Promise<void>
}

const tooLate = async (patience: number, signal: AbortSignal): Promise<never> => {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, patience)
    signal.addEventListener('abort', () => clearTimeout(timer))
  })
  return assert.fail(`nothing for ${patience} ms`)
}

const turnsUntil = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await setImmediate()
}

/** @param patience milliseconds after which what does not come is held to come never */
const check = async (
  defect: Defect,
  make: (scene: Scene, wish: Wish) => Tried | Promise<Tried>,
  patience: number,
): Promise<void> => {
  const open: { readonly served: Served; readonly tried: Tried }[] = []
  const bench: Bench = {
    serve: async (scene, wish = {}) => {
      const tried = await make(scene, wish)
      const served = await serve(tried.app)
      open.push({ served, tried })
      return served
    },
    within: async (what) => {
      const given = new AbortController()
      try {
        return await Promise.race([what, tooLate(patience, given.signal)])
      } finally {
        given.abort()
      }
    },
    until: (isSo) => bench.within(turnsUntil(() => isOver || isSo())),
  }
  let isOver = false
  try {
    await defect.check(bench)
  } finally {
    isOver = true
    for (const { served, tried } of open) {
      await served.close()
      await tried.stop?.()
    }
  }
}

for (const [name, host] of Object.entries(hosts)) {
  describe(`mistakes that others make, on ${name}`, () => {
    for (const defect of defects) {
      it(defect.title, () =>
        check(
          defect,
          (scene, { onlyGzip, flush = false }) => {
            const rule = { flush, ...(onlyGzip && { encodings: ['gzip' as const] }) }
            const mill = millrace({
              plugins: [compress({ pressure: false })],
              routes: { '/**': { compress: rule } },
            })
            return { app: host(mill, () => scene), stop: () => mill.stop() }
          },
          20_000,
        ),
      )
    }
  })
}

// So that the table stays true, with what is installed: `MILLRACE_PEERS=1`.
describe('who makes them', { skip: process.env.MILLRACE_PEERS !== '1' }, () => {
  for (const name of peerNames) {
    for (const defect of defects) {
      if (defect.onResponse && name !== 'compression') continue
      const has = defect.has.includes(name)
      it(`${name} ${has ? 'does not see to it that' : 'sees to it that'} ${defect.title} (${defect.told})`, async () => {
        const checked = check(
          defect,
          async (scene, wish) => ({ app: await peers[name](scene, wish) }),
          has ? 1_000 : 20_000,
        )
        if (has) await assert.rejects(checked, assert.AssertionError)
        else await checked
      })
    }
  }
})
