import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { ChildServer } from '@millrace/testing'

const installed = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0
if (!installed && process.env['CI']) throw new Error('These tests need redis-server on the PATH.')

/** Where nobody reads the output a skipped test would be a lost one, so that fails above. */
export const skip: string | false = installed ? false : 'no redis-server on the PATH'

/** A Redis that keeps nothing. */
export const serve = (): Promise<ChildServer> =>
  ChildServer.launch({
    command: 'redis-server',
    args: (port) => [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', tmpdir()],
      ...['--save', '', '--appendonly', 'no'],
    ],
    ready: /Ready to accept connections/,
  })
export const urlOf = ({ port }: ChildServer): string => `redis://127.0.0.1:${port}`
