import {
  type Args,
  type CallRules,
  millrace,
  type ParamsOf,
  type Plugin,
  type RuleTypes,
} from '@millrace/core'

interface KeyOf<A extends readonly unknown[]> {
  readonly key: (...args: A) => string
}
/** A rule with a function, typed by where it stands. */
interface KeyRule extends RuleTypes {
  readonly route: KeyOf<[params: this['params']]>
  readonly call: KeyOf<Args<this['args']>>
}
declare const keyed: Plugin<'keyed', KeyRule>
const plugins = [keyed] as const

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(_: T): void => {}

// The names of a pattern.
holds<Equal<ParamsOf<'GET /cities/:id'>, { readonly id: string }>>(true)
holds<Equal<ParamsOf<'/:shop/**/:item/edit'>, { readonly shop: string; readonly item: string }>>(true)
holds<Equal<ParamsOf<'GET,POST /:id/'>, { readonly id: string }>>(true)
holds<Equal<keyof ParamsOf<'/a/*/**'>, never>>(true)
holds<Equal<ParamsOf<string>, Readonly<Record<string, string>>>>(true)

// A function in a rule has them as its params.
const mill = millrace({
  plugins,
  routes: {
    'GET /cities/:id': { keyed: { key: (params) => params.id } },
    '/:shop/items/:item': { keyed: { key: ({ shop, item }) => shop + item } },
    '/all': { keyed: { key: () => 'all' } },
  },
})
mill.configure({ routes: { '/a/:b': { keyed: { key: ({ b }) => b } } } })
// Where the pattern is not known, any name may be there.
mill.inline({ keyed: { key: ({ id }) => id ?? '' } })

millrace({
  plugins,
  // @ts-expect-error
  routes: { 'GET /cities/:id': { keyed: { key: ({ name }) => name } } },
})
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/cities/*': { keyed: { key: ({ id }) => id } } },
})
millrace({
  plugins,
  // @ts-expect-error
  routes: { '/cities/:id': { keyed: { key: ({ id }) => Number(id) } } },
})
mill.configure({
  // @ts-expect-error
  routes: { '/a/:b': { keyed: { key: ({ c }) => c } } },
})

// A function around a call has its arguments.
const find = mill.wrap('city.find', (id: number, lang: string) => ({ id, lang }), {
  keyed: { key: (id, lang) => `${id.toFixed()}${lang.trim()}` },
})
holds<Equal<typeof find, (id: number, lang: string) => Promise<{ id: number; lang: string }>>>(true)
mill.wrap('city.find', (id: number) => id, {
  // @ts-expect-error
  keyed: { key: (id) => id.trim() },
})
mill.wrap('city.find', (id: number) => id, {
  // @ts-expect-error
  keyed: { key: (_, second) => second },
})
const rules: CallRules<typeof plugins, [string]> = { keyed: { key: (name) => name.trim() } }
mill.wrap('city.named', (name: string) => name, rules)
