import type { Bar, Group } from '../overhead/group.ts'
import { floors } from './floors.ts'
import { nginxOf, varnishOf } from './fronts.ts'
import { own } from './own.ts'
import { large, type Page, path, small } from './pages.ts'
import { apicacheOf, fastifyCachingOf, koaCashOf, ocacheOf } from './peers.ts'

const bars: readonly Bar[] = [
  { contender: 'listener', over: 'raw', atLeast: 0.92 },
  { contender: 'express', over: 'map', atLeast: 0.9 },
  { contender: 'express', over: 'apicache', atLeast: 1 },
  { contender: 'koa', over: 'koa-cash', atLeast: 1 },
]

/** A page from the cache, for clients that take no content coding. */
const plain = (title: string, page: Page): Group => {
  const { raw, map, koaMap } = floors(page, false)
  return {
    title: `A hit of ${title}`,
    path,
    base: 'raw',
    contenders: {
      raw,
      map,
      'koa-map': koaMap,
      ...own(page, false),
      apicache: apicacheOf(page, false),
      'koa-cash': koaCashOf(page, false),
      ocache: ocacheOf(page),
      'fastify-caching': fastifyCachingOf(page),
      nginx: nginxOf(page, false),
      varnish: varnishOf(page, false),
    },
    bars,
  }
}

/** The same for clients that take Brotli and gzip. */
const encoded = (title: string, page: Page): Group => {
  const { raw, map, koaMap } = floors(page, true)
  const { listener, express, koa } = own(page, true)
  return {
    title: `A hit of ${title} with \`Accept-Encoding: gzip, br\``,
    path,
    headers: { 'accept-encoding': 'gzip, br' },
    base: 'raw',
    contenders: {
      raw,
      map,
      'koa-map': koaMap,
      plain: {
        ...listener,
        label: `${listener.label}, for a client that says no \`Accept-Encoding\``,
        headers: {},
      },
      listener,
      express,
      koa,
      apicache: apicacheOf(page, true),
      'koa-cash': koaCashOf(page, true),
      nginx: nginxOf(page, true),
      varnish: varnishOf(page, true),
    },
    bars: [
      ...bars,
      { contender: 'listener', over: 'plain', atLeast: 0.95 },
      { contender: 'express', over: 'apicache', atLeast: 8 },
    ],
  }
}

export const hits: Readonly<Record<string, Group>> = {
  small: plain('2 KB JSON', small),
  large: plain('50 KB JSON', large),
  'small-encoded': encoded('2 KB JSON', small),
  'large-encoded': encoded('50 KB JSON', large),
}
