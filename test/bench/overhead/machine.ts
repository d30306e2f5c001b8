import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'

export const execute: typeof execFile.__promisify__ = promisify(execFile)

/** Whether a program is installed. */
export const found = async (command: string, ...args: string[]): Promise<boolean> => {
  try {
    await execute(command, args)
    return true
  } catch (error) {
    // `wrk --version` ends with 1.
    return error instanceof Error && 'code' in error && error.code !== 'ENOENT'
  }
}

export const hasWrk: boolean = await found('wrk', '--version')
const pins =
  process.platform === 'linux' && availableParallelism() > 1 && (await found('taskset', '--version'))

/** The two ends of a connection, which do not share a core. */
export type End = 'server' | 'client'

/** A command line that stays on the core of its end, where the system can say so. */
export const pinned = (
  end: End,
  command: string,
  args: readonly string[],
): readonly [string, readonly string[]] => {
  if (!pins) return [command, args]
  const core = end === 'server' ? availableParallelism() - 1 : 0
  return ['taskset', ['-c', String(core), command, ...args]]
}

/** The processor time that processes and their children have used, in microseconds, as Linux tells it: to 10 ms. */
export const cpuOf = async (pids: readonly number[]): Promise<number> => {
  let sum = 0
  for (const pid of pids) {
    const [stat, children] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/task/${pid}/children`, 'latin1'),
    ])
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number)
    sum += (user + system) * 10_000 + (await cpuOf(children.split(' ').filter(Boolean).map(Number)))
  }
  return sum
}

/** What the numbers were measured with. */
export const setting: string = [
  `Node ${process.version}`,
  hasWrk ? 'wrk' : 'autocannon',
  pins ? 'a core each for server and load' : 'server and load not pinned to cores',
].join(', ')
