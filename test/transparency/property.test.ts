import './threadpool.ts'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { expressPrograms, koaPrograms, nodePrograms } from './arbitraries.ts'
import { compare } from './compare.ts'
import { effort, seeded } from './effort.ts'
import { http1Theatre, http2Theatre } from './execute.ts'
import { onExpress4, onExpress5, onHttp2, onKoa2, onKoa3, onKoaHttp2, onNode } from './hosts.ts'
import { incomparable } from './known.ts'
import { variants } from './variants.ts'

const hosts = [
  [
    'node:http',
    http1Theatre((program, run, variant) => onNode(program.ops, run, variant)),
    nodePrograms,
    150,
  ],
  [
    'Express 5',
    http1Theatre((program, run, variant) => onExpress5(program.ops, run, variant)),
    expressPrograms,
    150,
  ],
  [
    'Express 4',
    http1Theatre((program, run, variant) => onExpress4(program.ops, run, variant)),
    expressPrograms,
    75,
  ],
  ['Koa 3', http1Theatre((program, run, variant) => onKoa3(program.ops, run, variant)), koaPrograms, 150],
  ['Koa 2', http1Theatre((program, run, variant) => onKoa2(program.ops, run, variant)), koaPrograms, 75],
  [
    'node:http2',
    http2Theatre((program, run, variant) => onHttp2(program.ops, run, variant)),
    nodePrograms,
    75,
  ],
  [
    'Koa 3 on node:http2',
    http2Theatre((program, run, variant) => onKoaHttp2(program.ops, run, variant)),
    koaPrograms,
    50,
  ],
] as const

const names = variants.map((variant) => variant.name)

describe('any handler, with any Millrace', () => {
  for (const [name, play, programs, runs] of hosts) {
    it(name, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(programs).filter((program) => !incomparable[name]?.test(JSON.stringify(program))),
          fc.shuffledSubarray(names, { minLength: 3, maxLength: 3 }),
          (program, chosen) =>
            compare(
              play,
              program,
              variants.filter((variant) => chosen.includes(variant.name)),
              'wire',
            ),
        ),
        { ...seeded, numRuns: runs * effort },
      )
    })
  }
})
