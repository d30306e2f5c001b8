import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import fastifyCompress from '@fastify/compress'
import { cache } from '@millrace/cache'
import { compress } from '@millrace/compress'
import { millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import compression from 'compression'
import express, { type RequestHandler } from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import koaCompress from 'koa-compress'
import type { Contender, Group } from '../overhead/group.ts'
import { folder, freePort, listening, running } from '../response-cache/fronts.ts'

const path = '/cities'

// A saturated server is under pressure, and would leave it be.
const compressing = () =>
  millrace({ plugins: [compress({ pressure: false })], routes: { '/**': { compress: true } } })
const caching = () =>
  millrace({
    plugins: [compress({ pressure: false }), cache()],
    routes: { '/**': { compress: true, cache: '1h' } },
  })

const onExpress = (value: readonly object[], ...around: readonly RequestHandler[]): RequestListener => {
  const app = express()
  for (const each of around) app.use(each)
  app.get(path, (_req, res) => {
    res.json(value)
  })
  return app
}

const onKoa = (value: readonly object[], install: (app: Koa) => void): RequestListener => {
  const app = new Koa()
  app.silent = true
  install(app)
  app.use((ctx) => {
    ctx.body = value
  })
  return app.callback()
}

const onFastify = async (value: readonly object[]): Promise<ReturnType<typeof createServer>> => {
  const app = fastify()
  await app.register(fastifyCompress)
  app.get(path, async () => value)
  await app.ready()
  return createServer(app.routing)
}

const nginxBy = (own: string, port: number, origin: number): string => `
daemon off; user root; worker_processes 1; pid ${own}/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  gzip on; gzip_comp_level 6; gzip_types application/json; gzip_proxied any;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${own}/${each};`).join(' ')}
  upstream origin { server 127.0.0.1:${origin}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}`

/** JSON made anew for each answer, and encoded anew, but for the last. */
export const dynamic = (title: string, value: readonly object[], accept: string): Group => {
  const body = JSON.stringify(value)
  const contender = (
    label: string,
    make: () => RequestListener,
    fields: Contender['answer']['fields'] = { 'content-encoding': /./ },
  ): Contender => ({
    label,
    server: () => createServer(make()),
    answer: { status: 200, body, fields },
  })
  return {
    title,
    path,
    headers: { 'Accept-Encoding': accept },
    base: 'compression',
    contenders: {
      compression: contender('Express + `compression`', () => onExpress(value, compression())),
      plain: contender('Express, plain', () => onExpress(value), {}),
      express: contender('Express + Millrace, `compress`', () =>
        onExpress(value, mountExpress(compressing())()),
      ),
      cached: contender('Express + Millrace, `compress` and `cache`: hits', () =>
        onExpress(value, mountExpress(caching())()),
      ),
      'koa-compress': contender('Koa + koa-compress', () => onKoa(value, (app) => app.use(koaCompress()))),
      koa: contender('Koa + Millrace, `compress`', () =>
        onKoa(value, (app) => app.use(mountKoa(compressing())())),
      ),
      fastify: {
        label: 'Fastify + @fastify/compress',
        server: () => onFastify(value),
        answer: { status: 200, body, fields: { 'content-encoding': /./ } },
      },
      nginx: {
        label: 'nginx in front of Express',
        needs: 'nginx',
        server: async () => {
          const [own, port] = [folder(), await freePort()]
          const origin = await listening(createServer(onExpress(value)))
          writeFileSync(join(own, 'nginx.conf'), nginxBy(own, port, origin))
          return running('nginx', ['-p', own, '-e', 'stderr', '-c', join(own, 'nginx.conf')], port)
        },
        answer: { status: 200, body, fields: {} },
      },
    },
    bars: [
      {
        contender: 'express',
        over: 'compression',
        atLeast: title.startsWith('2 KB of JSON, gzip') ? 2.5 : 1,
      },
      { contender: 'koa', over: 'koa-compress', atLeast: 1 },
    ],
  }
}
