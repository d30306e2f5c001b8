import { createServer, type RequestListener } from 'node:http'
import { batchEndpoint } from '@millrace/batch'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import { hello, helloAnswer } from '../overhead/answers.ts'
import type { Contender, Groups } from '../overhead/group.ts'
import { expressHelloApp, koaHelloApp } from '../overhead/hello.ts'

const mill = (): Millrace<readonly AnyPlugin[]> =>
  millrace({ plugins: [batchEndpoint()], routes: { 'POST /batch': { batchEndpoint: true } } })

const contender = (label: string, server: Contender['server']): Contender => ({
  label,
  server,
  answer: helloAnswer,
})

const body = JSON.stringify(hello)

const plain: RequestListener = (_req, res) => {
  res
    .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body)
}

/** Small apps that answer `/hello`, and batches at `/batch`. */
export const groups: Groups = {
  apps: {
    title: 'Batches of requests',
    path: '/',
    base: 'express',
    contenders: {
      express: contender('Express 5', () => expressHelloApp((app) => void app.use(mountExpress(mill())()))),
      koa: contender('Koa 3', () => koaHelloApp((app) => void app.use(mountKoa(mill())()))),
      listener: contender('`listener`, a bare handler', () => createServer(listener(mill(), plain))),
    },
    bars: [],
  },
}
