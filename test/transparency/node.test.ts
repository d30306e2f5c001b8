import './threadpool.ts'
import { describe, it } from 'node:test'
import { compare } from './compare.ts'
import { share } from './effort.ts'
import { http1Theatre } from './execute.ts'
import { onNode } from './hosts.ts'
import { knownOn } from './known.ts'
import { nodeCases } from './node-cases.ts'
import { variants } from './variants.ts'

const play = http1Theatre((program, run, variant) => onNode(program.ops, run, variant))

describe('node:http', () => {
  for (const [turn, [name, program]] of Object.entries(nodeCases).entries()) {
    it(name, knownOn('node:http', name), () => compare(play, program, share(variants, turn, 6)))
  }
})
