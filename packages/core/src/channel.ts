import diagnostics from 'node:diagnostics_channel'

/** A named stream of events. Without a subscriber, publishing costs a look at `hasSubscribers`. */
export interface Channel<T> {
  readonly name: string
  readonly hasSubscribers: boolean
  publish(message: T): void
  /** @returns the function that ends the subscription. */
  subscribe(listener: (message: T) => void): () => void
}

/** One shape for all of them, so that the look at `hasSubscribers` is compiled into who looks. */
class NativeChannel<T> implements Channel<T> {
  readonly name: string
  readonly #native: diagnostics.Channel

  constructor(name: string) {
    this.name = name
    this.#native = diagnostics.channel(name)
  }

  get hasSubscribers(): boolean {
    return this.#native.hasSubscribers
  }

  publish(message: T): void {
    this.#native.publish(message)
  }

  subscribe(listener: (message: T) => void): () => void {
    const native = this.#native
    // The one place where a name stands for a type: only the owner of the channel publishes on it.
    const receive = (message: unknown): void => listener(message as T)
    native.subscribe(receive)
    return () => {
      native.unsubscribe(receive)
    }
  }
}

/**
 * The typed face of one `node:diagnostics_channel`. Anyone may subscribe by the name alone:
 * `diagnostics_channel.subscribe('millrace:cache:lookup', (event) => ...)`.
 *
 * @param name `millrace:<plugin>:<event>`
 */
export const channel = <T>(name: `millrace:${string}:${string}`): Channel<T> => new NativeChannel(name)
