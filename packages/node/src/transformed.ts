import { Readable } from 'node:stream'
import type { Transformed } from '@millrace/core'
import { Diversion } from './diversion.ts'
import type { HostRequest, HostResponse } from './host.ts'

const shown: unique symbol = Symbol('millrace.shown')

declare module './host.ts' {
  interface HostRequest {
    /** What whoever reads it gets, and by what. */
    [shown]?: { readonly content: Transformed; readonly diversion: Diversion }
  }
}

/** What whoever reads a request gets that was made of what was sent; undefined where it is what was sent. */
export const shownContent = (req: HostRequest): Transformed | undefined => req[shown]?.content

/** Whether somebody reads it, or prepares to. */
export const isTaken = (req: Readable): boolean =>
  req.readableFlowing !== null || req.readableDidRead || req.readableEncoding !== null

/** Whether somebody has it wait for who reads it, as middleware does that takes its time. */
const isPaused = (req: Readable): boolean =>
  req.isPaused() &&
  !req.readableDidRead &&
  req.readableEncoding === null &&
  req.listenerCount('data') + req.listenerCount('readable') === 0

/** Has whoever reads a request from now on read what is made of its content. Not where somebody reads it already. */
export const showContent = (req: HostRequest, res: HostResponse, content: Transformed): void => {
  if (isShown(req, content)) return
  const { of, by } = content
  if (of !== undefined) showContent(req, res, of)
  if (!(req instanceof Readable) || shownContent(req) !== of || (isTaken(req) && !isPaused(req))) return
  req[shown] = { content, diversion: new Diversion(req, res, by, req[shown]?.diversion) }
}

const isShown = (req: HostRequest, content: Transformed): boolean => {
  for (let each = shownContent(req); each !== undefined; each = each.of) if (each === content) return true
  return false
}
