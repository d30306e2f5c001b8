import './threadpool.ts'
import { describe, it } from 'node:test'
import { compare } from './compare.ts'
import { share } from './effort.ts'
import { http2Theatre } from './execute.ts'
import { onHttp2, onKoaHttp2 } from './hosts.ts'
import { knownOn } from './known.ts'
import { koaCases } from './koa-cases.ts'
import { nodeCases } from './node-cases.ts'
import { variants } from './variants.ts'

/**
 * Where Node itself goes wrong: an empty write sends memory of somebody else's, and what is piped to HEAD or refused
 * by `writeHead` never comes to an end.
 */
const broken = ['empty writes', 'pipe to head', '204 chunked']

const hosts = [
  ['node:http2', http2Theatre((program, run, variant) => onHttp2(program.ops, run, variant)), nodeCases],
  [
    'Koa 3 on node:http2',
    http2Theatre((program, run, variant) => onKoaHttp2(program.ops, run, variant)),
    koaCases,
  ],
] as const

for (const [host, play, cases] of hosts) {
  describe(host, () => {
    for (const [turn, [name, program]] of Object.entries(cases).entries()) {
      if (broken.includes(name)) continue
      it(name, knownOn(host, name), () => compare(play, program, share(variants, turn, 6)))
    }
  })
}
