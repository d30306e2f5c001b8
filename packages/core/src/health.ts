import type { Clock } from './clock.ts'
import type { AnyPlugin, Health } from './plugin.ts'
import { within } from './within.ts'

export interface HealthReport extends Health {
  readonly plugins: Readonly<Record<string, Health>>
}

const patience = 1000

/** The worst of the plugins' states; one that throws or does not answer within a second is down. */
export const healthOf = async (plugins: Iterable<AnyPlugin>, clock: Clock): Promise<HealthReport> => {
  const reports = await Promise.all(
    [...plugins].map(async (plugin) => [plugin.name, await ask(plugin, clock)] as const),
  )
  const worst = (['down', 'degraded'] as const).find((status) =>
    reports.some(([, health]) => health.status === status),
  )
  return { status: worst ?? 'ok', plugins: Object.fromEntries(reports) }
}

const ask = async (plugin: AnyPlugin, clock: Clock): Promise<Health> => {
  if (!plugin.health) return { status: 'ok' }
  try {
    return await within(clock, patience, plugin.health(), `no answer within ${patience} ms`)
  } catch (error) {
    return { status: 'down', detail: error instanceof Error ? error.message : String(error) }
  }
}
