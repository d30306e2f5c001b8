import './threadpool.ts'
import { describe, it } from 'node:test'
import { compare } from './compare.ts'
import { share } from './effort.ts'
import { http1Theatre } from './execute.ts'
import { onKoa2, onKoa3 } from './hosts.ts'
import { knownOn } from './known.ts'
import { koaCases } from './koa-cases.ts'
import { variants } from './variants.ts'

for (const [host, on] of [
  ['Koa 3', onKoa3],
  ['Koa 2', onKoa2],
] as const) {
  const play = http1Theatre((program, run, variant) => on(program.ops, run, variant))
  describe(host, () => {
    for (const [turn, [name, program]] of Object.entries(koaCases).entries()) {
      it(name, knownOn(host, name), () => compare(play, program, share(variants, turn, 6)))
    }
  })
}
