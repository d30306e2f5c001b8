import { once } from 'node:events'
import type { Server } from 'node:http'
import { startSdk } from '@millrace/tracing/sdk'
import { Receiver } from './receiver.ts'
import { tree } from './tree.ts'

/** An app that is traced, and what it needs to stop. */
export interface Shop {
  listen(port: number, host: string): Server
  stop(): Promise<void>
}

/**
 * Serves an app until it is told to stop. What it exports goes to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT`
 * names, and where it names none is printed.
 */
export const show = async (service: string, createShop: () => Shop, port: number): Promise<void> => {
  const receiver = new Receiver({ onSpans: (spans) => console.log(tree(spans)) })
  const isPrinting = process.env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
  if (isPrinting) await receiver.listen()
  process.env.OTEL_BSP_SCHEDULE_DELAY ??= '500'
  const sdk = await startSdk({ service, ...(isPrinting && { endpoint: receiver.origin }) })

  const shop = createShop()
  const server = shop.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  console.log(`${service} serves http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`)

  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  server.close()
  server.closeAllConnections()
  await shop.stop()
  await sdk.stop()
  receiver.close()
}
