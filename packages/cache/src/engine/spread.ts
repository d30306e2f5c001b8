import type { FarTiers } from './far-tiers.ts'
import type { Kept } from './kept.ts'
import type { Resolved } from './options.ts'
import type { Wire } from './wire.ts'

/** Writes what memory keeps to the tiers behind it, and tells the other processes. */
export const spread = async (
  { far, wire }: { readonly far: FarTiers; readonly wire: Wire },
  key: string,
  kept: Kept,
  options: Resolved,
): Promise<void> => {
  if (far.written(options).length === 0) return
  // Others hear of it only where they can find it: they would load it themselves and tell of that, and so on.
  if (await far.write([[key, kept]], options)) {
    await wire.publish({ kind: 'set', names: [key], at: kept.createdAt })
  }
}
