import { pathOf } from '@millrace/core'
import type { ExpressApp, ExpressRequest, RouterLayer } from './host.ts'

/**
 * Express's own pattern for a request, once its router has found one: `/users/:id/posts/:post`, also where routers
 * and apps are mounted under patterns. `req.baseUrl` says what was sent (`/users/42`), so the mounts are looked up.
 *
 * @returns undefined when there is none that is sure to hold no part of the request
 */
export const routeLabel = (req: ExpressRequest): string | undefined => {
  const { route, app } = req
  if (!route) return undefined
  const path = patternOf(route.path)
  const base = req.baseUrl ?? ''
  if (base === '') return labelFrom(path, app, pathOf(req.originalUrl), route)
  const mount = mountPattern(app)
  const inside = base.split('/').slice(mount.split('/').length).join('/')
  const routers = mountLabel(stackOf(app), inside === '' ? '' : `/${inside}`, route)
  return routers === undefined ? undefined : mount + routers + (path === '/' ? '' : path)
}

/**
 * Where no router seems to be around: there is none, or the handler has thrown, on which routers take back what they had
 * set but for the route.
 */
const labelFrom = (pattern: string, app: ExpressApp, whole: string, route: object): string | undefined => {
  if (isAll(pattern, whole)) return pattern
  const routers = mountLabel(stackOf(app), whole, route, true)
  return routers === undefined ? undefined : routers + (pattern === '/' && routers !== '' ? '' : pattern)
}

/** Whether a plain pattern that is known to match the end of a path leaves none of it for a router. */
const isAll = (pattern: string, whole: string): boolean =>
  /^[\w\-./:]+$/.test(pattern) && segmentsOf(pattern) === segmentsOf(whole)

/** Of its slashes, but for one at the end. */
const segmentsOf = (path: string): number => {
  let count = 0
  for (let i = path.length - 2; i >= 0; i--) if (path[i] === '/') count++
  return count
}

const patternOf = (path: unknown): string =>
  Array.isArray(path) ? path.map(patternOf).join('|') : String(path)

/** Where an app is mounted in those around it, as it was written. */
const mountPattern = (app: ExpressApp): string => {
  if (!app.parent) return ''
  const path = patternOf(app.mountpath)
  return mountPattern(app.parent) + (path === '/' ? '' : path)
}

/** Express 5 and 4 keep it in different places; 4 makes the first throw. */
const stackOf = (app: ExpressApp): readonly RouterLayer[] => (app._router ?? app.router)?.stack ?? []

/** A router has a stack of its own. */
const isRouter = (handle: object): handle is { readonly stack: readonly RouterLayer[] } =>
  'stack' in handle && Array.isArray(handle.stack)

/**
 * The patterns of the routers between `stack` and `route` that together matched `base`.
 *
 * @param isWhole whether `base` has at its end what the route itself matched
 */
const mountLabel = (
  stack: readonly RouterLayer[],
  base: string,
  route: object,
  isWhole = false,
): string | undefined => {
  for (const layer of stack) {
    if (layer.route === route) {
      if (isWhole || base === '') return ''
      continue
    }
    const inner = layer.handle && isRouter(layer.handle) ? layer.handle.stack : undefined
    const match = inner && layer.match?.(base === '' ? '/' : base)
    if (!match) continue
    const { path = '', params = {}, pattern } = match === true ? layer : match
    const rest = mountLabel(inner, base.slice(path.length), route, isWhole)
    if (rest === undefined) continue
    const own = typeof pattern === 'string' ? (path === '' ? '' : pattern) : withNames(path, params)
    return own === undefined ? undefined : own + rest
  }
  return undefined
}

/** The matched text with the values of params put back to their names; undefined when one is not a whole segment. */
const withNames = (matched: string, params: Readonly<Record<string, unknown>>): string | undefined => {
  const left = new Map(Object.entries(params))
  const segments = matched.split('/').map((segment) => {
    for (const [name, value] of left) {
      if (value !== decode(segment)) continue
      left.delete(name)
      return `:${name}`
    }
    return segment
  })
  return left.size === 0 ? segments.join('/') : undefined
}

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
