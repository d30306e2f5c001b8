import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { mount as express } from '@millrace/express'
import { mount as koa } from '@millrace/koa'
import { timing } from '@millrace/timing'
import express5 from 'express'
import express4 from 'express4'
import Koa from 'koa'

const mill = millrace({ plugins: [timing(), cache()] })

// Middleware of the host's own type.
const use = express(mill)
express5().use(use())
express5().get('/report', use({ cache: '10m' }), (_req, res) => void res.send('ok'))
express5.Router().use('/a', use({ timing: { expose: 'nobody' } }))
express4().use(use())

const useKoa = koa(mill)
new Koa().use(useKoa()).use(useKoa({ cache: { ttl: '10m' } }))

// The rules are typed by the plugins that are installed.
// @ts-expect-error
use({ cahce: '10m' })
// @ts-expect-error
use({ cache: { tll: '10m' } })
// @ts-expect-error
use('10m')
// @ts-expect-error
useKoa({ timing: { metric: 5 } })
// @ts-expect-error
useKoa({ compress: true })
// @ts-expect-error
express({})
