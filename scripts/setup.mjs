import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { root, run } from './command.mjs'

const bin = join(root, 'node_modules', '.bin')
const stamp = join(root, 'node_modules', '.setup')

const wanted = () => {
  const hash = createHash('sha256')
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

/**
 * Makes a fresh clone ready: installs what the lockfile says when it was not installed or has changed since, and puts
 * the workspace's own Node and tools first on the path.
 *
 * @returns {Promise<boolean>} whether it is ready
 */
export const setUp = async () => {
  process.env.PATH = bin + delimiter + process.env.PATH
  const state = wanted()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return true

  console.log('Installing the dependencies (the first time takes about a minute) …')
  const started = Date.now()
  const { code, output } = await run('npx', [
    '-y',
    'pnpm@12',
    'install',
    '--frozen-lockfile',
    // Nobody may be there to say yes when node_modules has to be made anew.
    '--config.confirm-modules-purge=false',
  ])
  if (code !== 0) {
    console.error(`${output}\nThe dependencies could not be installed; the log of pnpm is above.`)
    return false
  }
  writeFileSync(stamp, state)
  console.log(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`)
  return true
}
