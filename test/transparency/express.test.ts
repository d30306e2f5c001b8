import './threadpool.ts'
import { describe, it } from 'node:test'
import { compare } from './compare.ts'
import { share } from './effort.ts'
import { http1Theatre } from './execute.ts'
import { expressCases } from './express-cases.ts'
import { onExpress4, onExpress5 } from './hosts.ts'
import { variants } from './variants.ts'

for (const [name, on] of [
  ['Express 5', onExpress5],
  ['Express 4', onExpress4],
] as const) {
  const play = http1Theatre((program, run, variant) => on(program.ops, run, variant))
  describe(name, () => {
    for (const [turn, [name, program]] of Object.entries(expressCases).entries()) {
      it(name, () => compare(play, program, share(variants, turn, 6)))
    }
  })
}
