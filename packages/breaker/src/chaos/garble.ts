import type { Reply } from '@millrace/core'

/** Everything from somewhere in the first half on is turned over: of text, no text any more. */
const garbleBytes = (bytes: Uint8Array, random: () => number): Uint8Array => {
  const garbled = new Uint8Array(bytes)
  for (let at = Math.floor((random() * bytes.length) / 2); at < garbled.length; at++) {
    garbled[at] = 255 - (garbled[at] ?? 0)
  }
  return garbled
}

async function* garbleStream(
  body: AsyncIterable<Uint8Array>,
  random: () => number,
): AsyncIterable<Uint8Array> {
  for await (const chunk of body) yield garbleBytes(chunk, random)
}

/** Damages the body, its length as it was. Nobody may keep it: what stands for good would outlast the test. */
export const garbleReply = (reply: Reply, random: () => number): void => {
  const { body } = reply
  if (body === null) return
  reply.body = body instanceof Uint8Array ? garbleBytes(body, random) : garbleStream(body, random)
  reply.headers.set('Cache-Control', 'no-store')
}

/** A result that is not what its type says. The one that came is left as it is: others may hold on to it. */
export const garbleResult = <O>(result: O, random: () => number): O => {
  const parcel = { result }
  Reflect.set(parcel, 'result', damaged(result, random))
  return parcel.result
}

const damaged = (value: unknown, random: () => number): unknown => {
  if (typeof value === 'string') return `${value.slice(0, Math.floor(value.length / 2))}\uFFFD`
  if (value instanceof Uint8Array) return garbleBytes(value, random)
  if (Array.isArray(value)) return value.slice(0, Math.floor(value.length / 2))
  if (typeof value !== 'object' || value === null) return null
  const names = Object.keys(value)
  const lost = names[Math.floor(random() * names.length)]
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== lost))
}
