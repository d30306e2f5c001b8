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

export function createApp(cities: Cities): Express {
  const app = express()
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
