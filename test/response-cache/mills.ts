import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { type Handler, type Host, type Served, serve } from './hosts.ts'
import { routes } from './reflect.ts'

/** A host with a cache of its own by the rules of every part. */
export const mills = async (host: Host, handler: Handler): Promise<Served & { forget(): Promise<void> }> => {
  const plugin = cache()
  const mill = millrace({ plugins: [plugin], routes })
  const { port, close } = await serve(host(mill, handler))
  return {
    port,
    forget: async () => void (await plugin.controls.purge('everything')),
    close: async () => {
      await mill.stop()
      await close()
    },
  }
}
