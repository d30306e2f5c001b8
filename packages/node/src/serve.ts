import { type Channel, ClientGoneError, channel, type Millrace, type Reply, warn } from '@millrace/core'
import type { NodeExchange } from './exchange.ts'

/** `millrace:core:error`: an error that a layer let through or made, as given to the host. */
export const failures: Channel<{ readonly exchange: NodeExchange; readonly error: unknown }> =
  channel('millrace:core:error')

/**
 * Runs an exchange through its layers and sends what comes out.
 *
 * @param fail takes an error over to the host's own error handling
 */
export const serve = (exchange: NodeExchange, fail: (error: unknown) => void): void => {
  const onError = (error: unknown): void => {
    if (failures.hasSubscribers && !(error instanceof ClientGoneError)) failures.publish({ exchange, error })
    fail(error)
  }
  const onReply = (reply: Reply): void => {
    try {
      exchange.send(reply)
    } catch (error) {
      onError(error)
    }
  }
  try {
    exchange.pipeline.run(exchange).then(onReply, onError)
  } catch (error) {
    onError(error)
  }
}

/** Starts the plugins of a mounted Millrace. Requests do not wait for it, and an error takes no request down. */
export const startBehind = (mill: Millrace): void => {
  mill.start().catch((error: unknown) => {
    warn({
      code: 'MILLRACE_START',
      message: `a plugin did not start: ${error instanceof Error ? error.message : String(error)}`,
    })
  })
}
