import { createServer } from 'node:http'
import type { CacheRule } from '@millrace/cache'
import { mount } from '@millrace/express'
import { listener } from '@millrace/node'
import type { Contender, Group } from '../overhead/group.ts'
import { floors } from './floors.ts'
import { expressApp, own, withCache } from './own.ts'
import { hitOf, path, small } from './pages.ts'

const { raw } = floors(small, false)
const { listener: inFront, express: within } = own(small, false)

const etag = '"v1"'

/** A page with an entity tag, and what a client gets that has it already. */
const conditional = (kind: 'listener' | 'express'): Readonly<Record<'full' | 'short', Contender>> => {
  const place = kind === 'listener' ? '`listener()`' : '`app.use`'
  const server: Contender['server'] = () => {
    const app = expressApp(
      small,
      false,
      ...(kind === 'express' ? [mount(withCache())()] : []),
      (_req, res, next) => {
        res.set('ETag', etag)
        next()
      },
    )
    return createServer(kind === 'listener' ? listener(withCache(), app) : app)
  }
  return {
    full: { label: `Millrace by ${place}, the page`, server, answer: hitOf(small) },
    short: {
      label: `Millrace by ${place}, 304`,
      server,
      headers: { 'if-none-match': etag },
      answer: { status: 304, body: '', fields: { 'cache-status': /^Millrace; hit\b/, etag: /^"v1"$/ } },
    },
  }
}

const [front, inside] = [conditional('listener'), conditional('express')]

export const notModified: Group = {
  title: 'A client that has the 2 KB already',
  path,
  base: 'listener-full',
  contenders: {
    'listener-full': front.full,
    'listener-304': front.short,
    'express-full': inside.full,
    'express-304': inside.short,
  },
  bars: [
    { contender: 'listener-304', over: 'listener-full', atLeast: 1 },
    { contender: 'express-304', over: 'express-full', atLeast: 1 },
  ],
}

const byRule = (label: string, rule: CacheRule): Contender => ({
  label: `Millrace by \`listener()\`, ${label}`,
  server: () => createServer(listener(withCache(rule), expressApp(small, false))),
  answer: hitOf(small),
})

/** What a rule or a handler may ask of a hit besides its address. */
export const kinds: Group = {
  title: 'Hits of 2 KB JSON that take more than the address',
  path,
  base: 'plain',
  headers: { 'accept-language': 'de-DE, de;q=0.9, en;q=0.8' },
  contenders: {
    plain: inFront,
    tags: byRule('three tags', { ttl: '1h', tags: ['city', 'country', 'list'] }),
    'vary-rule': byRule('`vary` by the rule', { ttl: '1h', vary: ['accept-language'] }),
    'vary-handler': {
      label: 'Millrace by `listener()`, `Vary` by the handler',
      server: () => {
        const app = expressApp(small, false, (_req, res, next) => {
          res.vary('Accept-Language')
          next()
        })
        return createServer(listener(withCache(), app))
      },
      answer: hitOf(small),
    },
    stale: byRule('with `swr`, `staleIfError` and `eager`', {
      ttl: '1h',
      swr: '1m',
      staleIfError: '1h',
      eager: 0.9,
    }),
  },
  bars: [],
}

export const places: Group = {
  title: 'What the place costs, 2 KB JSON',
  path,
  base: 'raw',
  contenders: { raw, listener: inFront, express: within },
  bars: [],
}
