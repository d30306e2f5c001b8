import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { compress, encoded } from '@millrace/compress'
import { type Clock, millrace } from '@millrace/core'
import { layerPlugin, VirtualClock } from '@millrace/testing'
import { hosts, type Scene, type Served, serve } from './hosts.ts'

type Flushable = ServerResponse & { flush?: () => void }

const decoders = {
  zstd: zlib.createZstdDecompress,
  br: zlib.createBrotliDecompress,
  gzip: zlib.createGunzip,
  deflate: zlib.createInflate,
}

const get = async ({ port }: Served, coding: string): Promise<IncomingMessage> => {
  const sent = request({ port, host: '127.0.0.1', path: '/', headers: { 'accept-encoding': coding } }).end()
  sent.on('error', () => undefined)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  answer.on('error', () => undefined)
  return answer
}

for (const [name, host] of Object.entries(hosts)) {
  const within = async (
    scene: Scene,
    use: (served: Served) => Promise<void>,
    options: { readonly clock?: Clock; readonly isOn?: boolean } = {},
  ): Promise<void> => {
    const { isOn = true, ...given } = options
    const mill = millrace({
      ...given,
      plugins: [compress({ pressure: false }), layerPlugin('idle', (exchange, next) => next(exchange))],
      routes: { '/**': { compress: true, idle: true }, '/': { compress: isOn } },
    })
    const served = await serve(host(mill, () => scene))
    try {
      await use(served)
    } finally {
      await served.close()
      await mill.stop()
    }
  }

  describe(name, () => {
    for (const [coding, decoder] of Object.entries(decoders)) {
      it(`${coding}: events arrive one by one`, async () => {
        let res: ServerResponse | undefined
        const scene = (response: ServerResponse): void => {
          res = response
          response.setHeader('content-type', 'text/event-stream')
          response.flushHeaders()
        }
        await within(scene, async (served) => {
          // The head is there before the first event.
          const answer = await get(served, coding)
          assert.equal(answer.headers['content-encoding'], coding)
          const decoded = answer.pipe(decoder())
          for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
            const arrived = once(decoded, 'data')
            res?.write(event)
            assert.equal(String(await arrived), event)
          }
          res?.end()
          await once(decoded, 'end')
        })
      })
    }

    it('what is not told to be of events arrives as well', async () => {
      let res: ServerResponse | undefined
      const scene = (response: ServerResponse): void => {
        res = response
        response.setHeader('content-type', 'text/html')
        response.write('<p>first')
      }
      await within(scene, async (served) => {
        const decoded = (await get(served, 'gzip')).pipe(zlib.createGunzip())
        assert.equal(String(await once(decoded, 'data')), '<p>first')
        res?.end()
        await once(decoded.resume(), 'end')
      })
    })

    for (const [coding, decoder] of Object.entries(decoders)) {
      it(`${coding}: what the handler flushes arrives`, async () => {
        let res: Flushable | undefined
        const scene = (response: Flushable): void => {
          res = response
          // Nothing to flush yet.
          response.flush?.()
          response.setHeader('content-type', 'text/html')
          response.write('<p>first')
          response.flush?.()
          response.write('<p>second')
        }
        // A clock that stands still: nothing arrives by itself.
        await within(
          scene,
          async (served) => {
            const answer = await get(served, coding)
            assert.equal(answer.headers['content-encoding'], coding)
            const decoded = answer.pipe(decoder())
            assert.equal(String(await once(decoded, 'data')), '<p>first')
            const second = once(decoded, 'data')
            res?.flush?.()
            assert.equal(String(await second), '<p>second')
            const third = once(decoded, 'data')
            res?.write('<p>third')
            res?.flush?.()
            assert.equal(String(await third), '<p>third')
            res?.end('<p>last')
            assert.equal(String(await once(decoded, 'data')), '<p>last')
            res?.flush?.()
          },
          { clock: new VirtualClock() },
        )
      })
    }

    it('a client that gets the plain body gets it flushed or not', async () => {
      const scene = (res: Flushable): void => {
        res.setHeader('content-type', 'text/html')
        res.write('<p>first')
        res.flush?.()
        res.end('<p>last')
      }
      await within(scene, async (served) => {
        assert.equal(String((await served.ask('/')).body), '<p>first<p>last')
      })
    })

    for (const isOn of [true, false]) {
      it(`a handler ${isOn ? 'can flush' : 'has no flush where nothing is compressed'}`, async () => {
        const scene = (res: Flushable): void => void res.end(typeof res.flush)
        await within(
          scene,
          async (served) => {
            assert.equal(String((await served.ask('/')).body), isOn ? 'function' : 'undefined')
          },
          { isOn },
        )
      })
    }

    it('callbacks of write and end are called, and drain comes', async () => {
      const called: string[] = []
      const scene = (res: ServerResponse): void => {
        res.setHeader('content-type', 'text/plain')
        const part = 'a line of text\n'.repeat(4000)
        let left = 50
        const go = (): void => {
          while (left-- > 0) {
            const isLast = left === 0
            if (!res.write(part, isLast ? () => called.push('write') : undefined) && !isLast) {
              called[0] ??= 'waited'
              res.once('drain', go)
              return
            }
          }
          res.end(() => called.push('end'))
        }
        go()
      }
      await within(scene, async (served) => {
        const decoded = (await get(served, 'gzip')).pipe(zlib.createGunzip())
        const text = Buffer.concat(await decoded.toArray())
        assert.equal(text.byteLength, 50 * 4000 * 15)
      })
      assert.deepEqual(called, ['waited', 'write', 'end'])
    })

    it('a client that leaves leaves nothing behind', async (t) => {
      const made: zlib.Gzip[] = []
      const createGzip = zlib.createGzip.bind(zlib)
      const finished: string[] = []
      const stop = encoded.subscribe(({ coding }) => finished.push(coding))
      let closed = 0
      const scene = (res: ServerResponse): void => {
        res.setHeader('content-type', 'text/plain')
        res.write('x'.repeat(2000))
        res.once('close', () => closed++)
      }
      await within(scene, async (served) => {
        const abort = async (): Promise<void> => {
          const answer = await get(served, 'gzip')
          await once(answer, 'data')
          answer.destroy()
        }
        t.mock.method(zlib, 'createGzip', (options: zlib.ZlibOptions) => {
          const encoder = createGzip(options)
          made.push(encoder)
          return encoder
        })
        await Promise.all(Array.from({ length: 20 }, abort))
        while (closed < 20) await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
        assert.equal(made.length, 20)
        assert.equal(made.filter(({ destroyed }) => destroyed).length, 20)
      })
      stop()
      assert.deepEqual(finished, [])
    })

    it('a handler that fails on its way breaks the answer off', async () => {
      const scene = (res: ServerResponse): void => {
        res.setHeader('content-type', 'text/plain')
        res.write('x'.repeat(2000))
        setImmediate(() => res.destroy())
      }
      await within(scene, async (served) => {
        const broken = get(served, 'gzip').then(async (answer) => {
          await answer.toArray()
        })
        await assert.rejects(broken)
      })
    })
  })
}
