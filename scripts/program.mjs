import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './command.mjs'

const works = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

/**
 * Whether a program that some tests need is there. Where we may, it is installed.
 *
 * @param {{ program: string, package: string, otherwise: string }} wanted `otherwise`: what somebody can do about it
 */
export const provide = ({ program, package: name, otherwise }) => {
  if (works(program, '--version')) return true
  if (process.getuid?.() === 0 && works('apt-get', '--version')) {
    console.log(`Installing ${name}, which some tests need …`)
    const install = ['install', '-y', '--no-install-recommends', name]
    if (works('apt-get', 'update') && works('apt-get', ...install)) return true
  }
  // Such tests skip themselves; where nobody reads the output, a skipped test would be a lost one.
  if (process.env.CI) throw new Error(`Tests need ${program}: ${otherwise}.`)
  console.log(`No ${program}: its tests will be skipped (${otherwise}).`)
  return false
}

/** @param {readonly string[]} files @param {RegExp} what */
export const mention = (files, what) =>
  files.some((file) => what.test(readFileSync(join(root, file), 'utf8')))
