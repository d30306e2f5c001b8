import { Agent } from 'node:http'
import { type Exchange, type Layer, type Millrace, millrace, type Reply } from '@millrace/core'
import { type Answer, ask } from './ask.ts'
import { type HostUnderTest, type Scene, scenes } from './host-under-test.ts'
import { layerPlugin } from './layer-plugin.ts'

/** What a test does while a host serves. */
export type Use = (
  ask: (path: string, options?: { method?: string; headers?: Record<string, string> }) => Promise<Answer>,
  port: number,
  mill: Millrace,
) => Promise<void>

/** A host with one layer on every route but those under /off, and one keep-alive connection to it, for the time of `use`. */
export const serveFor = async (
  host: HostUnderTest,
  layer: Layer<Exchange, Reply>,
  set: Readonly<Record<string, Scene>>,
  use: Use,
): Promise<void> => {
  const mill = millrace({
    plugins: [layerPlugin('probe', layer)],
    routes: { '/**': { probe: true }, '/off/**': { probe: false } },
  })
  const served = await host.serve(mill, scenes(set))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    await use((path, options) => ask(served.port, path, agent, options), served.port, mill)
  } finally {
    agent.destroy()
    await served.close()
  }
}
