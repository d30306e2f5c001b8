/**
 * Lets go of an answer that nobody will read: its connection is free for others, and its source may stop. It is looked for
 * where clients put it: as `body`, or as `data`. Never throws.
 */
export const discard = (answer: unknown): void => {
  if (!isObject(answer)) return
  if ('body' in answer) letGo(answer.body)
  if ('data' in answer) letGo(answer.data)
}

/** The same of an error in which the client has put the answer. */
export const discardResponse = (error: unknown): void => {
  if (isObject(error) && 'response' in error) discard(error.response)
}

const letGo = (body: unknown): void => {
  if (body instanceof ReadableStream) {
    if (!body.locked) body.cancel().catch(ignore)
  } else if (isNodeStream(body)) {
    // Some end with an error when they are destroyed (undici's): nobody listens, and the process would not survive it.
    body.on('error', ignore)
    body.destroy()
  } else if (isAsyncIterable(body)) close(body).catch(ignore)
}

const close = async (body: AsyncIterable<unknown>): Promise<void> => {
  await body[Symbol.asyncIterator]().return?.()
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

interface NodeStream {
  on(event: 'error', listener: () => void): unknown
  destroy(): unknown
}

/** Other things have a `destroy` as well, and mean something else by it. */
const isNodeStream = (value: unknown): value is NodeStream =>
  isObject(value) && ['pipe', 'on', 'destroy'].every((name) => typeof Reflect.get(value, name) === 'function')

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  isObject(value) && Symbol.asyncIterator in value && typeof value[Symbol.asyncIterator] === 'function'

const ignore = (): void => undefined
