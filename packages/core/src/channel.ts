import diagnostics from 'node:diagnostics_channel'

/** A named stream of events. Without a subscriber, publishing costs a look at `hasSubscribers`. */
export interface Channel<T> {
  readonly name: string
  readonly hasSubscribers: boolean
  publish(message: T): void
  /** @returns the function that ends the subscription. */
  subscribe(listener: (message: T) => void): () => void
}

/**
 * The typed face of one `node:diagnostics_channel`. Anyone may subscribe by the name alone:
 * `diagnostics_channel.subscribe('millrace:cache:lookup', (event) => ...)`.
 *
 * @param name `millrace:<plugin>:<event>`
 */
export const channel = <T>(name: `millrace:${string}:${string}`): Channel<T> => {
  const native = diagnostics.channel(name)
  return {
    name,
    get hasSubscribers() {
      return native.hasSubscribers
    },
    publish: (message) => native.publish(message),
    subscribe(listener) {
      // The one place where a name stands for a type: only the owner of the channel publishes on it.
      const receive = (message: unknown): void => listener(message as T)
      native.subscribe(receive)
      return () => {
        native.unsubscribe(receive)
      }
    },
  }
}
