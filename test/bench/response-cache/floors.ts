import { createServer, type RequestListener } from 'node:http'
import { brotliCompressSync, constants } from 'node:zlib'
import express from 'express'
import Koa from 'koa'
import type { Contender } from '../overhead/group.ts'
import { type Page, path } from './pages.ts'

/** As `compression` does it by default. */
const brotli = (bytes: Buffer): Buffer =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })

/** What is prepared of a page. */
export const prepared = ({ body, fields }: Page, isEncoded: boolean): Pick<Page, 'body' | 'fields'> => {
  if (!isEncoded) return { body, fields }
  const bytes = brotli(body)
  return { body: bytes, fields: { ...fields, 'Content-Length': bytes.byteLength, 'Content-Encoding': 'br' } }
}

/** The least that can answer, and the least that can answer from within a framework. */
export const floors = (
  page: Page,
  isEncoded: boolean,
): Readonly<Record<'raw' | 'map' | 'koaMap', Contender>> => {
  const { body, fields } = prepared(page, isEncoded)
  const kept = new Map([[path, body]])
  const answered: RequestListener = (_req, res) => void res.writeHead(200, fields).end(body)
  return {
    raw: { label: '`node:http`, prepared Buffer', server: () => createServer(answered), answer: page.answer },
    map: {
      label: "Express 5, a `Map` looked up in the first middleware: `app.use`'s floor",
      server: () => {
        const app = express()
        app.use((req, res, next) => {
          const found = kept.get(req.originalUrl)
          if (found) res.writeHead(200, fields).end(found)
          else next()
        })
        return createServer(app)
      },
      answer: page.answer,
    },
    koaMap: {
      label: 'Koa 3, a `Map` looked up in the first middleware',
      server: () => {
        const app = new Koa()
        app.use((ctx, next) => {
          const found = kept.get(ctx.originalUrl)
          if (!found) return next()
          ctx.type = 'json'
          if (isEncoded) ctx.set('Content-Encoding', 'br')
          ctx.body = found
          return undefined
        })
        return createServer(app.callback())
      },
      answer: page.answer,
    },
  }
}
