import { cache, memory } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
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
import express, { type ErrorRequestHandler, type Express } from 'express'

const mill = millrace({
  plugins: [timing(), cache({ tiers: [memory({ maxSize: '64mb' })] })],
  routes: {
    '/**': { timing: true },
    'GET /cities/**': { cache: '1m' },
    'GET /cities/:id/visits': { cache: false },
    'GET /countries/:code/stats': { cache: '10m' },
  },
})

export function createApp(cities: Cities): Express {
  const app = express()
  app.use(mount(mill)())
  app.use(express.json())

  app.get('/cities', (req, res) => {
    const query = searchQuery.parse(req.query)
    res.json({ cities: cities.search(query) })
  })

  app.get('/cities/:id', (req, res) => {
    const { id } = cityParams.parse(req.params)
    res.json(cities.find(id))
  })

  app.get('/cities/:id/neighbours', (req, res) => {
    const { id } = cityParams.parse(req.params)
    const { radius } = neighboursQuery.parse(req.query)
    res.json(cities.neighbours(id, radius))
  })

  app.get('/cities/:id/visits', (req, res) => {
    const { id } = cityParams.parse(req.params)
    res.json(cities.visits(id))
  })

  app.post('/cities/:id/visits', (req, res) => {
    const { id } = cityParams.parse(req.params)
    res.status(201).json(cities.visit(id, visitBody.parse(req.body)))
  })

  app.get('/countries/:code/stats', (req, res) => {
    const { code } = countryParams.parse(req.params)
    res.json(cities.stats(code))
  })

  app.use((req) => {
    throw new NotFound(`There is nothing at ${req.path}`)
  })
  app.use(answerProblem)
  return app
}

const answerProblem: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error)
  const details = problem(error)
  if (details.status >= 500) console.error(error)
  res.status(details.status).type(PROBLEM_TYPE).json(details)
}
