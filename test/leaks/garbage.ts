import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Exchange, Layer, Reply } from '@millrace/core'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

/** What has to be collected takes a few turns: finalizers, then what they let go. */
export const collectGarbage = async (): Promise<void> => {
  for (let i = 0; i < 6; i++) {
    if (typeof collect === 'function') collect()
    await setImmediate()
  }
}

/** Exchanges that were made, that have settled, and that the collector has taken. */
export class Count {
  made = 0
  settled = 0
  collected = 0
  readonly #registry = new FinalizationRegistry(() => this.collected++)

  readonly layer: Layer<Exchange, Reply> = async (exchange, next) => {
    this.made++
    this.#registry.register(exchange, undefined)
    void exchange.done.then(() => this.settled++)
    exchange.signal.addEventListener('abort', () => undefined)
    return next(exchange)
  }
}
