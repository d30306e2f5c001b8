import { flushPoint } from '@millrace/core'
import type { HostResponse } from './host.ts'

/** How a pump writes: the methods below the capture. */
export interface Sink {
  write(bytes: Uint8Array): boolean
  /** Where the handler has asked for it. */
  flush(): void
  end(): void
  /** The body broke off. */
  fail(error: Error): void
  /**
   * Calls `wake` whenever more may be written after a `write` that said false.
   *
   * @returns what ends it
   */
  onDrain(wake: () => void): () => void
}

/**
 * Sends a body at the client's pace. A client that leaves ends the source; a source that fails breaks the
 * connection, because a reply that has begun can say "broken" in no other way (RFC 9112 section 8).
 */
export const pump = async (body: AsyncIterable<Uint8Array>, res: HostResponse, sink: Sink): Promise<void> => {
  let gone = false
  let wake: (() => void) | undefined
  const onClose = (): void => {
    gone = true
    wake?.()
  }
  res.on('close', onClose)
  const deaf = sink.onDrain(() => wake?.())
  try {
    for await (const bytes of body) {
      if (gone) return
      if (bytes === flushPoint) sink.flush()
      if (bytes.byteLength === 0 || sink.write(bytes)) continue
      await new Promise<void>((resolve) => {
        wake = resolve
        if (gone) resolve()
      })
      wake = undefined
      if (gone) return
    }
    sink.end()
  } catch (error) {
    sink.fail(error instanceof Error ? error : new Error(String(error)))
  } finally {
    res.off('close', onClose)
    deaf()
  }
}
