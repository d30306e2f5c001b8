import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createReadStream, existsSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { type IncomingMessage, type RequestListener, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import zlib from 'node:zlib'
import { cache } from '@millrace/cache'
import { compress, encoded } from '@millrace/compress'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import serveKoa from 'koa-static'
import { decode, throughProgram } from './decode.ts'
import { type Served, serve } from './hosts.ts'

type Mill = Millrace<readonly AnyPlugin[]>

/** A file server for a folder, under `/static`. */
const servers: Readonly<Record<string, (mill: Mill, root: string) => RequestListener>> = {
  'Express 5': (mill, root) => express().use(mountExpress(mill)()).use('/static', express.static(root)),
  'Express 4': (mill, root) => express4().use(mountExpress(mill)()).use('/static', express4.static(root)),
  'Koa, koa-static': (mill, root) => {
    const app = new Koa()
    app.silent = true
    // It can do some of it by itself.
    const files = serveKoa(root, { brotli: false, gzip: false })
    app.use(mountKoa(mill)())
    app.use((ctx, next) => {
      ctx.path = ctx.path.replace(/^\/static/, '')
      return files(ctx, next)
    })
    return app.callback()
  },
  'Koa, a stream': (mill, root) => {
    const app = new Koa()
    app.silent = true
    app.use(mountKoa(mill)())
    app.use((ctx) => {
      const file = join(root, decodeURIComponent(ctx.path).replace(/^\/static/, ''))
      const { size, mtime } = statSync(file)
      ctx.body = createReadStream(file)
      ctx.type = file.endsWith('.js') ? 'js' : 'txt'
      ctx.length = size
      ctx.lastModified = mtime
    })
    return app.callback()
  },
  listener: (mill, root) =>
    listener(mill, (req, res) => {
      const file = join(root, decodeURIComponent(req.url ?? '').replace(/^\/static/, ''))
      const { size, mtime } = statSync(file)
      res.setHeader('content-type', 'text/plain').setHeader('content-length', size)
      res.setHeader('last-modified', mtime.toUTCString())
      pipeline(createReadStream(file), res, () => undefined)
    }),
}

const small = Buffer.from('let it = "be"\n'.repeat(100))
/** More than every buffer on the way, also when it is encoded. */
const large = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 1_000_003).join(' '))
const encodings = [
  // At levels that nobody else uses here, so that it shows where bytes come from.
  [
    '.br',
    (bytes: Uint8Array) =>
      zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 7 } }),
  ],
  ['.gz', (bytes: Uint8Array) => zlib.gzipSync(bytes, { level: 8 })],
  [
    '.zst',
    (bytes: Uint8Array) =>
      zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: 5 } }),
  ],
] as const

const now = new Date('2026-11-20T10:00:00Z')
const past = new Date('2026-11-19T10:00:00Z')

const write = async (path: string, bytes: Uint8Array, at = now): Promise<void> => {
  await writeFile(path, bytes)
  await utimes(path, at, at)
}

/** What an open file of this process is; nothing when it is closed meanwhile. */
const fileAt = (fd: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

let root: string

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'siblings-'))
  for (const [name, bytes] of [
    ['small.js', small],
    ['large.js', large],
  ] as const) {
    await write(join(root, name), bytes)
    for (const [ending, encode] of encodings) await write(join(root, name + ending), encode(bytes))
  }
  for (const name of ['gzip only.txt', 'none.txt', 'old.txt', 'folder.txt'])
    await write(join(root, name), small)
  await write(join(root, 'gzip only.txt.gz'), zlib.gzipSync(small, { level: 8 }))
  await write(join(root, 'old.txt.br'), zlib.brotliCompressSync(Buffer.from('of yesterday')), past)
  await mkdir(join(root, 'folder.txt.br'))
})
after(() => rm(root, { recursive: true }))

for (const [name, server] of Object.entries(servers)) {
  for (const isCached of [false, true]) {
    describe(`${name}${isCached ? ', cached' : ''}`, () => {
      let mill: Mill
      let served: Served
      const events: string[] = []
      let stop: () => void

      before(async () => {
        const compressing = { siblings: { root, prefix: '/static' }, etag: 'suffix' } as const
        mill = isCached
          ? millrace({
              plugins: [compress({ pressure: false }), cache()],
              routes: { '/**': { compress: compressing, cache: '1m' } },
            })
          : millrace({
              plugins: [compress({ pressure: false })],
              routes: { '/**': { compress: compressing } },
            })
        served = await serve(server(mill, root))
        stop = encoded.subscribe(({ coding, source }) => events.push(`${source} ${coding}`))
      })
      after(async () => {
        stop()
        await served.close()
        await mill.stop()
      })

      const ask: Served['ask'] = (...args) => {
        events.length = 0
        return served.ask(...args)
      }

      for (const file of ['small.js', 'large.js']) {
        for (const [coding, ending] of [
          ['br', '.br'],
          ['gzip', '.gz'],
          ['zstd', '.zst'],
        ] as const) {
          it(`${file}: ${coding} is what lies beside it`, async () => {
            const size = statSync(join(root, file + ending)).size
            for (const method of ['GET', 'HEAD', 'GET']) {
              const { status, fields, body } = await ask(
                `/static/${file}`,
                { 'accept-encoding': coding },
                method,
              )
              assert.equal(status, 200)
              assert.equal(fields['content-encoding'], coding)
              assert.equal(fields['content-length'], String(size))
              assert.equal(fields['accept-ranges'], undefined)
              assert.match(fields.vary ?? '', /accept-encoding/i)
              if (method === 'HEAD') continue
              assert.equal(body.byteLength, size)
              assert.ok((await decode(coding, body)).equals(file === 'small.js' ? small : large))
              assert.deepEqual(events, [`sibling ${coding}`])
            }
          })
        }
      }

      it('the client chooses, of those that are there', async () => {
        const rows = [
          ['/static/small.js', 'gzip, br, zstd', 'sibling zstd'],
          ['/static/small.js', 'gzip, br;q=0.9', 'sibling gzip'],
          ['/static/gzip%20only.txt', 'br, gzip;q=0.1', 'sibling gzip'],
          ['/static/gzip%20only.txt', 'br', 'br'],
          ['/static/none.txt', 'br', 'br'],
          ['/static/old.txt', 'br', 'br'],
          ['/static/folder.txt', 'br', 'br'],
        ] as const
        for (const [url, accept, expected] of rows) {
          const { fields, body } = await ask(url, { 'accept-encoding': accept })
          assert.ok((await decode(fields['content-encoding'], body)).equals(small), url)
          const [event = ''] = events
          if (expected.startsWith('sibling')) assert.equal(event, expected, url)
          else assert.ok(!event.startsWith('sibling') && event.endsWith(expected), `${url}: ${event}`)
        }
        const plain = await ask('/static/small.js')
        assert.ok(plain.body.equals(small))
      })

      it('curl reads it', async (t) => {
        const url = `http://127.0.0.1:${served.port}/static/large.js`
        const decoded = await throughProgram(['curl', '-s', '--compressed', url])
        if (decoded === undefined) t.skip('curl is not installed')
        else assert.ok(decoded.equals(large))
      })

      if (!name.includes('a stream') && name !== 'listener') {
        it('conditions and ranges are the file server’s', async () => {
          const { fields } = await ask('/static/small.js', { 'accept-encoding': 'br' })
          for (const condition of [
            { 'if-none-match': fields.etag ?? '"none"' },
            { 'if-modified-since': fields['last-modified'] ?? '' },
          ]) {
            // Koa leaves it to the app.
            if (name.startsWith('Koa') && !isCached) continue
            if (name.startsWith('Koa') && 'if-none-match' in condition) continue
            const again = await ask('/static/small.js', { 'accept-encoding': 'br', ...condition })
            assert.equal(again.status, 304)
            assert.equal(again.fields.etag, fields.etag)
            assert.match(again.fields.vary ?? '', /accept-encoding/i)
          }
          if (name.startsWith('Koa') && !isCached) return
          const part = await ask('/static/small.js', { 'accept-encoding': 'br', range: 'bytes=0-9' })
          assert.equal(part.status, 206)
          assert.equal(part.fields['content-encoding'], undefined)
          assert.ok(part.body.equals(small.subarray(0, 10)))
        })
      }

      it('files are closed, also when clients leave', async (t) => {
        if (!existsSync('/proc/self/fd')) {
          t.skip('there is no telling which files are open')
          return
        }
        const openFiles = (): number =>
          readdirSync('/proc/self/fd').filter((fd) => fileAt(fd).startsWith(root)).length
        const leave = async (coding: string): Promise<void> => {
          const sent = request({
            port: served.port,
            host: '127.0.0.1',
            path: '/static/large.js',
            headers: { 'accept-encoding': coding },
          }).end()
          sent.on('error', () => undefined)
          const [answer] = (await once(sent, 'response')) as [IncomingMessage]
          answer.on('error', () => undefined)
          await once(answer, 'data')
          answer.destroy()
        }
        for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 10 }, () => leave('br')))
        for (let i = 0; i < 5; i++)
          await Promise.all(
            Array.from({ length: 10 }, () => ask('/static/large.js', { 'accept-encoding': 'br' })),
          )
        const isOver = async (): Promise<boolean> => {
          for (let i = 0; i < 5000 && openFiles() > 0; i++) await new Promise((go) => setImmediate(go))
          return openFiles() === 0
        }
        assert.ok(await isOver(), `${openFiles()} left`)
      })
    })
  }
}
