import type { ExpressRequest } from './host.ts'

/** Express's own pattern for a request, once its router has found one. */
export const routeLabel = (req: ExpressRequest): string | undefined => {
  const path = req.route?.path
  if (typeof path !== 'string') return undefined
  return (req.baseUrl ?? '') + path
}
