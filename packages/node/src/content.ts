import { ServerResponse } from 'node:http'
import { Http2ServerRequest } from 'node:http2'
import { Readable } from 'node:stream'
import { ClientGoneError, type Transformed } from '@millrace/core'
import type { HostRequest, HostResponse } from './host.ts'
import { isTaken, showContent, shownContent } from './transformed.ts'

const content: unique symbol = Symbol('millrace.content')

declare module './host.ts' {
  interface HostRequest {
    /** What was found when somebody looked, at what was sent or at what was made of it. */
    [content]?: Map<Transformed | undefined, Promise<Uint8Array | undefined>>
  }
}

declare module 'node:http' {
  interface ServerResponse {
    _sent100: boolean
  }
}

/**
 * The body of a request when it has at most `limit` bytes, else undefined; so too when somebody reads it already, or
 * what was made of it. It is put back for the handler.
 *
 * @param transformed what was made of it for who asks
 * @throws ClientGoneError (as a rejection), or what the transform threw
 */
export const contentOf = async (
  req: HostRequest,
  res: HostResponse,
  limit: number,
  transformed: Transformed | undefined,
): Promise<Uint8Array | undefined> => {
  if (transformed !== undefined) showContent(req, res, transformed)
  req[content] ??= new Map()
  let looked = req[content].get(transformed)
  if (looked === undefined) {
    if (shownContent(req) !== transformed) return undefined
    looked = look(req, res, limit, transformed)
    req[content].set(transformed, looked)
  }
  const bytes = await looked
  return bytes && bytes.byteLength <= limit ? bytes : undefined
}

const look = async (
  req: HostRequest,
  res: HostResponse,
  limit: number,
  transformed: Transformed | undefined,
): Promise<Uint8Array | undefined> => {
  if (!(req instanceof Readable)) return undefined
  // Of what was sent.
  if (transformed === undefined && Number(req.headers['content-length']) > limit) return undefined
  if ((req.destroyed || req.aborted) && !req.readableEnded) throw failureOf(req)
  // Who listens while a request without a body is being parsed makes Node emit its 'end' too early.
  await tick()
  if (isTaken(req) || !isInvited(req, res)) return undefined
  if (req.readableLength === 0 && isWhole(req)) return new Uint8Array()
  const chunks: Buffer[] = []
  try {
    if (!(await take(req, limit, chunks))) return undefined
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
  } finally {
    for (const chunk of chunks.reverse()) req.unshift(chunk)
    if (req._readableState) req._readableState.dataEmitted = false
    dumpUnread(req, res)
    // Until Node has seen that nobody listens any more.
    await tick()
  }
}

/** @returns whether that is all */
const take = (req: HostRequest & Readable, limit: number, chunks: Buffer[]): Promise<boolean> =>
  new Promise((resolve, reject) => {
    let size = 0
    const read = (): void => {
      // Never more than there is: that would make Node emit 'end'. Nor more than the mark: that would raise it.
      while (size <= limit && req.readableLength > 0) {
        const chunk: Buffer = req.read(Math.min(req.readableLength, req.readableHighWaterMark))
        chunks.push(chunk)
        size += chunk.byteLength
      }
      if (size <= limit && !isWhole(req)) return
      leave()
      resolve(size <= limit)
    }
    const gone = (): void => {
      leave()
      reject(failureOf(req))
    }
    const leave = (): void => {
      req.off('readable', read)
      req.off('close', gone)
    }
    req.on('readable', read)
    req.on('close', gone)
  })

/** Why no more comes. */
const failureOf = (req: HostRequest & Readable): Error =>
  req.aborted || !req.errored ? new ClientGoneError() : req.errored

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** Whether a client that waits to be told to send its content has been. */
const isInvited = (req: HostRequest, res: HostResponse): boolean => {
  if (req.headers['expect'] === undefined) return true
  if (res instanceof ServerResponse) return res._sent100
  return (
    req instanceof Http2ServerRequest &&
    req.stream.sentInfoHeaders?.some((head) => head[':status'] === 100) === true
  )
}

/** Whether all has come. HTTP/2 ends a request that was broken off, too, when its stream is gone. */
const isWhole = (req: HostRequest): boolean =>
  req._readableState?.ended === true && !(req instanceof Http2ServerRequest && req.stream.destroyed)

/** What Node does at the end of a response with a request that nobody has read, as it thinks that we have. */
const dumpUnread = (req: HostRequest & Readable, res: HostResponse): void => {
  const answered = req instanceof Http2ServerRequest ? req.stream : res
  const dump = (): void => {
    if (req.readableFlowing === null) req.resume()
  }
  if (answered.writableFinished) dump()
  else answered.once('finish', dump)
}
