import {
  type Channel,
  ClientGoneError,
  channel,
  type Millrace,
  type Reply,
  readyReply,
  warn,
} from '@millrace/core'
import type { NodeExchange } from './exchange.ts'

/** `millrace:core:error`: an error that a layer let through or made, as given to the host. */
export const failures: Channel<{ readonly exchange: NodeExchange; readonly error: unknown }> =
  channel('millrace:core:error')

/**
 * Runs an exchange through its layers and sends what comes out.
 *
 * @param fail takes an error over to the host's own error handling
 */
export const serve = <X extends NodeExchange>(
  exchange: X,
  fail: (exchange: X, error: unknown) => void,
): void => {
  try {
    const running = exchange.pipeline.run(exchange)
    const reply = readyReply(running)
    if (reply) exchange.send(reply)
    else void sendLater(exchange, running, fail)
  } catch (error) {
    failWith(exchange, error, fail)
  }
}

const sendLater = async <X extends NodeExchange>(
  exchange: X,
  running: Promise<Reply>,
  fail: (exchange: X, error: unknown) => void,
): Promise<void> => {
  try {
    exchange.send(await running)
  } catch (error) {
    failWith(exchange, error, fail)
  }
}

const failWith = <X extends NodeExchange>(
  exchange: X,
  error: unknown,
  fail: (exchange: X, error: unknown) => void,
): void => {
  if (failures.hasSubscribers && !(error instanceof ClientGoneError)) failures.publish({ exchange, error })
  fail(exchange, error)
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
