import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { millrace, trouble } from '@millrace/core'
import { mount } from '@millrace/express'
import { layerPlugin } from '@millrace/testing'
import express from 'express'

const counting = <const Name extends string>(name: Name, ran: string[]) =>
  layerPlugin(name, (exchange, next) => {
    ran.push(name)
    return next(exchange)
  })

test('a plugin runs once for a request; an inline rule that comes too late is said, once', async () => {
  const ran: string[] = []
  const troubles: string[] = []
  const unsubscribe = trouble.subscribe(({ code, message }) => troubles.push(`${code} ${message}`))
  const quiet = (): void => undefined
  process.on('warning', quiet)
  const mill = millrace({
    plugins: [counting('outer', ran), counting('inner', ran), counting('off', ran)],
    routes: { '/**': { outer: true, off: true } },
  })
  const use = mount(mill)
  const app = express()
  app.use(use())
  app.use(use())
  app.get('/inline', use({ outer: true, inner: true, off: false }), (_req, res) => {
    res.send('ok')
  })
  const server = app.listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/inline`
    for (let i = 0; i < 2; i++) assert.equal(await (await fetch(url)).text(), 'ok')
    assert.deepEqual(ran, ['outer', 'off', 'inner', 'outer', 'off', 'inner'])
    assert.deepEqual(troubles, [
      'MILLRACE_INLINE_IGNORED use({ outer }) has no effect under "/**": a plugin runs once for a request, ' +
        'and the table has switched it on there. Say it in the table.',
      'MILLRACE_INLINE_IGNORED use({ off: false }) has no effect under "/**": a plugin that has begun cannot be ' +
        'taken back, and the table has switched it on there. Say it in the table.',
    ])
  } finally {
    unsubscribe()
    process.off('warning', quiet)
    server.closeAllConnections()
    server.close()
  }
})
