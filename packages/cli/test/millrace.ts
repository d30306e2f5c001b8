import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'

const bin = join(import.meta.dirname, '../src/bin.ts')

export const fixture = (name: string): string => resolve(import.meta.dirname, 'fixtures', name)

export interface Ended {
  readonly code: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end. */
export const millrace = (
  /** A fixture, or any other folder by its path. */
  folder: string,
  ...args: readonly string[]
): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=@millrace/source', bin, ...args],
      // A run that hangs is killed, and has no code then.
      { cwd: fixture(folder), timeout: 30_000, env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    )
  })
