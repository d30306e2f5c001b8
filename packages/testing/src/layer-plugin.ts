import type { Exchange, Layer, Plugin, Reply } from '@millrace/core'

/** A layer as a plugin, for tests: it takes any rule and has no options. */
export const layerPlugin = <const Name extends string>(
  name: Name,
  layer: Layer<Exchange, Reply>,
): Plugin<Name, object> => ({
  name,
  stage: 'shape',
  rule: { '~standard': { version: 1, vendor: 'millrace', validate: () => ({ value: {} }) } },
  http: () => layer,
})
