import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {object} Result
 * @property {number} code exit code, or 128 plus the number of the signal that ended it
 * @property {string} output what it wrote, when that was captured
 * @property {boolean} interrupted we were told to stop while it ran
 */

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a command in the workspace and waits for it. `show` gives it our terminal; without, its output is captured.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, show?: boolean }} [options]
 * @returns {Promise<Result>}
 */
export const run = (command, args, { cwd = root, env = {}, show = false } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      // npx is a batch file on Windows.
      shell: process.platform === 'win32',
    })
    let output = ''
    child.stdout?.on('data', (chunk) => (output += chunk))
    child.stderr?.on('data', (chunk) => (output += chunk))

    // A terminal sends Ctrl-C to the child as well as to us; a second one from us would read as "now, by force".
    const fromTerminal = process.stdin.isTTY === true
    let interrupted = false
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      interrupted = true
      if (signal !== 'SIGINT' || !fromTerminal) child.kill(signal)
    }
    const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
    for (const signal of signals) process.on(signal, forward)

    // npm hands SIGTERM to the shell between us, which dies of it and tells nobody.
    const parent = process.ppid
    const orphaned = () => process.ppid !== parent && !interrupted && forward('SIGTERM')
    const watch = process.env.npm_lifecycle_event === undefined ? undefined : setInterval(orphaned, 500)

    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearInterval(watch)
      for (const name of signals) process.off(name, forward)
      resolve({ code: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], output, interrupted })
    })
  })
