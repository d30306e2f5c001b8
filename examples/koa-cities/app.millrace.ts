import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { cache, memory } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/koa'
import { timing } from '@millrace/timing'
import {
  type Cities,
  cityParams,
  countryParams,
  NotFound,
  neighboursQuery,
  PROBLEM_TYPE,
  problem,
  searchQuery,
  visitBody,
} from '@millrace-examples/cities'
import Koa, { type Middleware } from 'koa'

const mill = millrace({
  plugins: [timing(), cache({ tiers: [memory({ maxSize: '64mb' })] })],
  routes: {
    '/**': { timing: true },
    'GET /cities/**': { cache: '1m' },
    'GET /cities/:id/visits': { cache: false },
    'GET /countries/:code/stats': { cache: '10m' },
  },
})

export function createApp(cities: Cities): Koa {
  const app = new Koa()
  app.use(mount(mill)())
  app.use(answerProblems)
  app.use(bodyParser({ enableTypes: ['json'] }))

  const router = new Router()

  router.get('/cities', (ctx) => {
    const query = searchQuery.parse(ctx.query)
    ctx.body = { cities: cities.search(query) }
  })

  router.get('/cities/:id', (ctx) => {
    const { id } = cityParams.parse(ctx.params)
    ctx.body = cities.find(id)
  })

  router.get('/cities/:id/neighbours', (ctx) => {
    const { id } = cityParams.parse(ctx.params)
    const { radius } = neighboursQuery.parse(ctx.query)
    ctx.body = cities.neighbours(id, radius)
  })

  router.get('/cities/:id/visits', (ctx) => {
    const { id } = cityParams.parse(ctx.params)
    ctx.body = cities.visits(id)
  })

  router.post('/cities/:id/visits', (ctx) => {
    const { id } = cityParams.parse(ctx.params)
    ctx.body = cities.visit(id, visitBody.parse(ctx.request.body))
    ctx.status = 201
  })

  router.get('/countries/:code/stats', (ctx) => {
    const { code } = countryParams.parse(ctx.params)
    ctx.body = cities.stats(code)
  })

  app.use(router.routes())
  app.use((ctx) => {
    throw new NotFound(`There is nothing at ${ctx.path}`)
  })
  return app
}

const answerProblems: Middleware = async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    const details = problem(error)
    if (details.status >= 500) console.error(error)
    ctx.status = details.status
    ctx.body = details
    ctx.type = PROBLEM_TYPE
  }
}
