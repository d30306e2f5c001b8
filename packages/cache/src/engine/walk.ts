import type { Entry } from '../entry.ts'
import { judge, placeOf } from './engine.ts'
import { farKey, isReserved } from './key.ts'
import type { Shop } from './load.ts'
import type { Resolved } from './options.ts'

/** What is kept under a prefix and may still be served, each key once, from memory and all tiers. */
export async function* walk(
  { engine, far }: Shop,
  prefix: string,
  options: Resolved,
): AsyncGenerator<{ readonly key: string; readonly entry: Entry }> {
  const seen = new Set<string>()
  const show = (full: string, entry: Entry): boolean => {
    // Memory has the key itself of what a tier may have only under its hash.
    const name = farKey(full)
    if (!full.startsWith(prefix) || isReserved(full) || seen.has(name)) return false
    seen.add(name)
    return judge(engine, placeOf(full), entry, engine.clock.now()) !== 'gone'
  }
  for (const [full, entry] of engine.near.entries()) {
    if (show(full, entry)) yield { key: full.slice(prefix.length), entry }
  }
  for await (const [full, entry] of far.walk(prefix, options)) {
    if (show(full, entry)) yield { key: full.slice(prefix.length), entry }
  }
}
