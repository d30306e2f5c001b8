import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '@millrace/core'
import type { CacheRule } from '../../src/index.ts'
import { scene } from '../ask.ts'

describe('a function of the rule', () => {
  const rules: Readonly<Record<string, CacheRule>> = {
    ttl: {
      ttl: () => {
        throw new Error('mine')
      },
    },
    vary: {
      ttl: '1m',
      vary: [
        () => {
          throw new Error('mine')
        },
      ],
    },
    tags: {
      ttl: '1m',
      tags: [
        (): string => {
          throw new Error('mine')
        },
      ],
    },
  }
  for (const [name, rule] of Object.entries(rules)) {
    it(`\`${name}\` that throws is an error of the request`, async () => {
      const { ask } = scene(rule)
      for (let i = 0; i < 2; i++) await assert.rejects(ask({ handler: () => reply(200, {}, 'a') }), /mine/)
    })
  }
  const given = (value: never) => (): never => value
  const nonsense: readonly unknown[] = [5, {}, [undefined], [5], null, Promise.resolve('a')]
  for (const value of nonsense) {
    it(`\`tags\` that gives ${String(value)}`, async () => {
      const { ask } = scene({ ttl: '1m', tags: [Reflect.apply(given, undefined, [value])] })
      await assert.rejects(ask({ handler: () => reply(200, {}, 'a') }), /tags/)
    })
    it(`\`vary\` that gives ${String(value)}`, async () => {
      const { ask } = scene({ ttl: '1m', vary: [Reflect.apply(given, undefined, [value])] })
      await assert.rejects(ask({ handler: () => reply(200, {}, 'a') }), /vary/)
    })
  }
})
