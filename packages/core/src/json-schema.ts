import type { AnyPlugin } from './plugin.ts'
import { describeOptions, schemaOf } from './rules.ts'

type Kind = Parameters<typeof schemaOf>[1]

/**
 * The JSON Schema (draft 2020-12) of a table file `{ routes, calls }` for the given plugins, for editors and other
 * tools. It comes from the plugins' own rule schemas; where one cannot describe itself, any object is accepted.
 */
export const tableSchema = (plugins: Iterable<AnyPlugin>): Readonly<Record<string, unknown>> => {
  const all = [...plugins]
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Millrace table',
    type: 'object',
    properties: {
      $schema: { type: 'string' },
      routes: rulesOf(
        all.filter((plugin) => plugin.http),
        'route',
      ),
      calls: rulesOf(
        all.filter((plugin) => plugin.call),
        'call',
      ),
    },
    additionalProperties: false,
  }
}

const rulesOf = (plugins: readonly AnyPlugin[], kind: Kind): object => ({
  type: 'object',
  additionalProperties: {
    type: 'object',
    properties: Object.fromEntries(plugins.map((plugin) => [plugin.name, ruleOf(plugin, kind)])),
    additionalProperties: false,
  },
})

const ruleOf = (plugin: AnyPlugin, kind: Kind): object => {
  const { $schema: _, ...options } = describeOptions(schemaOf(plugin, kind)) ?? { type: 'object' }
  const short = plugin.shorthand ? [{ type: ['string', 'number'] }] : []
  return { anyOf: [{ type: 'boolean' }, ...short, options] }
}
