import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { mount } from '@millrace/express'
import compression from 'compression'
import koaCompress from 'koa-compress'
import type { Contender, Group } from '../overhead/group.ts'
import { folder, freePort, listening, running } from '../response-cache/fronts.ts'
import { caching, compressing, onExpress, onFastify, onKoa, onMillraceKoa, path } from './apps.ts'
import type { Content } from './content.ts'

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

/** What the encoded answers of a group are asked and compared by. */
export interface Terms {
  readonly title: string
  /** What clients accept. */
  readonly accept: string
  /** See `Group`. */
  readonly connections?: number
  /** How many times as fast as `compression` Millrace has to be on Express. */
  readonly atLeast: number
}

/** Content made anew for each answer, and encoded anew. */
export const dynamic = (content: Content, { title, accept, connections, atLeast }: Terms): Group => {
  const { body } = content
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
    ...(connections !== undefined && { connections }),
    base: 'compression',
    contenders: {
      compression: contender('Express + `compression`', () => onExpress(content, compression())),
      plain: contender('Express, plain', () => onExpress(content), {}),
      express: contender('Express + Millrace, `compress`', () => onExpress(content, mount(compressing())())),
      cached: contender('Express + Millrace, `compress` and `cache`: hits', () =>
        onExpress(content, mount(caching())()),
      ),
      'koa-compress': contender('Koa + koa-compress', () => onKoa(content, (app) => app.use(koaCompress()))),
      koa: contender('Koa + Millrace, `compress`', () => onMillraceKoa(content)),
      fastify: {
        label: 'Fastify + @fastify/compress',
        server: () => onFastify(content),
        answer: { status: 200, body, fields: { 'content-encoding': /./ } },
      },
      nginx: {
        label: 'nginx in front of Express',
        needs: 'nginx',
        server: async () => {
          const [own, port] = [folder(), await freePort()]
          const origin = await listening(createServer(onExpress(content)))
          writeFileSync(join(own, 'nginx.conf'), nginxBy(own, port, origin))
          return running('nginx', ['-p', own, '-e', 'stderr', '-c', join(own, 'nginx.conf')], port)
        },
        answer: { status: 200, body, fields: {} },
      },
    },
    bars: [
      { contender: 'express', over: 'compression', atLeast },
      { contender: 'koa', over: 'koa-compress', atLeast: 1 },
    ],
  }
}
