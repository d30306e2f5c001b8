import type { Clock } from '@millrace/core'

/** An event of a stream: its name, and data that can be JSON. */
export type ServerEvent = readonly [name: string, data: unknown]

/** How often a stream that has nothing to say says so: proxies close connections that are silent for a minute. */
const heartbeat = 15_000

/** Server-sent events as they go out (WHATWG HTML, section 9.2). */
export async function* eventStream(
  events: AsyncIterable<ServerEvent>,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const source = events[Symbol.asyncIterator]()
  try {
    for (;;) {
      const coming = source.next()
      let step = await unlessSilent(coming, clock)
      for (; step === undefined; step = await unlessSilent(coming, clock)) yield Buffer.from(':\n\n')
      if (step.done) return
      const [name, data] = step.value
      yield Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
    }
  } finally {
    await source.return?.()
  }
}

/** Undefined when it has not come by the next heartbeat. */
const unlessSilent = <T>(coming: Promise<T>, clock: Clock): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const timer = clock.after(heartbeat, () => resolve(undefined))
    const settle = (): void => timer.cancel()
    coming.finally(settle).then(resolve, reject)
  })
