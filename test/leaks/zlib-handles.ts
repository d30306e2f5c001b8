import { createHook } from 'node:async_hooks'

const isHandle = (resource: object): resource is { close(): void } =>
  'close' in resource && typeof resource.close === 'function'

/** Native compressors and decompressors, whoever made them, that have been made and not closed. */
export class ZlibHandles {
  /** How many there have been. */
  made = 0
  closed = 0
  readonly #hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type !== 'ZLIB' || !isHandle(resource)) return
      this.made++
      const close = resource.close.bind(resource)
      let isClosed = false
      Object.defineProperty(resource, 'close', {
        configurable: true,
        value: () => {
          if (!isClosed) this.closed++
          isClosed = true
          close()
        },
      })
    },
  })

  get live(): number {
    return this.made - this.closed
  }

  watch(): this {
    this.#hook.enable()
    return this
  }

  stop(): void {
    this.#hook.disable()
  }
}
