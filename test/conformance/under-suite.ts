import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { serving } from '../node/hosts.ts'
import { type HostName, hosts } from './hosts.ts'
import { origin } from './origin.ts'
import { type Choice, runSuite, type Verdict } from './suite.ts'

/** The suite's verdicts on the cache in a reverse proxy on the host, for `cache: true` on every path. */
export const underSuite = async (host: HostName, choice?: Choice): Promise<Verdict[]> => {
  const mill = millrace({ plugins: [cache()], routes: { '/**': { cache: true } } })
  let verdicts: Verdict[] = []
  await serving(origin, (behind) =>
    serving(hosts[host](mill, Number(new URL(behind).port)), async (base) => {
      verdicts = await runSuite(base, choice)
    }),
  )
  await mill.stop()
  return verdicts
}
