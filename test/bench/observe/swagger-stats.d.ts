declare module 'swagger-stats' {
  import type { RequestHandler } from 'express'

  const swagger: { getMiddleware(options: object): RequestHandler }
  export default swagger
}
