import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import fastifyCompress from '@fastify/compress'
import { getRequestListener } from '@hono/node-server'
import compression from 'compression'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import koaCompress from 'koa-compress'
import { bodyOf, type Flowing, onExpress, onKoa, type Said, type Scene, statusOf } from './hosts.ts'

export const peerNames = ['compression', 'koa-compress', '@fastify/compress', 'hono'] as const

export type PeerName = (typeof peerNames)[number]

/** What is asked of a compressor besides its defaults. */
export interface Wish {
  /** Only gzip is to be offered. */
  readonly onlyGzip?: boolean
  /** Each chunk is to be sent on at once. */
  readonly flush?: boolean
}

/** An app with one of the others, as its own pages show it. */
export type Peer = (scene: Scene, wish: Wish) => RequestListener | Promise<RequestListener>

/** They have no response to write on. */
const bodied = (scene: Scene): Said | Flowing => {
  if (typeof scene === 'function') throw new TypeError('expected a scene of a body')
  return scene
}

export const peers: Readonly<Record<PeerName, Peer>> = {
  // It offers no choice of codings.
  compression: (scene, { flush }) =>
    onExpress(express(), compression(flush ? { flush: zlib.constants.Z_SYNC_FLUSH } : {}), () => scene),
  'koa-compress': (scene, { onlyGzip, flush }) =>
    onKoa(
      (app) =>
        app.use(
          koaCompress({
            ...(onlyGzip && { br: false, deflate: false, zstd: false }),
            ...(flush && { gzip: { flush: zlib.constants.Z_SYNC_FLUSH } }),
          }),
        ),
      () => scene,
    ),
  '@fastify/compress': async (scene, { onlyGzip, flush }) => {
    const said = bodied(scene)
    const app = fastify()
    await app.register(fastifyCompress, {
      ...(onlyGzip && { encodings: ['gzip'] }),
      ...(flush && { zlibOptions: { flush: zlib.constants.Z_SYNC_FLUSH } }),
    })
    app.get('*', async (_request, reply) =>
      reply.code(statusOf(said)).headers(said.fields).send(bodyOf(said)),
    )
    await app.ready()
    return app.routing
  },
  hono: (scene, { onlyGzip }) => {
    const said = bodied(scene)
    const app = new Hono()
    app.use(compress(onlyGzip ? { encoding: 'gzip' } : {}))
    app.get('*', () => {
      const body = bodyOf(said)
      const init = { status: statusOf(said), headers: { ...said.fields } }
      return new Response(body instanceof Readable ? Readable.toWeb(body) : new Uint8Array(body), init)
    })
    return getRequestListener(app.fetch)
  },
}
