import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packages } from './build.mjs'
import { root, run } from './command.mjs'

/** @typedef {import('./command.mjs').Result} Result */

/**
 * Every package as a user would install it: its manifest and types are checked in the packed archive, and what was
 * built is loaded.
 *
 * @returns {Promise<Result>}
 */
export const checkPublished = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  try {
    const packed = await run('npm', [
      'pack',
      `--pack-destination=${folder}`,
      ...packages.map((path) => `./${path}`),
    ])
    const results = [packed]
    for (const name of readdirSync(folder)) {
      const archive = join(folder, name)
      results.push(
        ...(await Promise.all([
          run('publint', ['--strict', archive]),
          run('attw', ['--profile=esm-only', '--no-definitely-typed', archive]),
        ])),
      )
    }
    for (const path of packages) {
      // By its own name and without the source condition: what `exports` gives a user.
      const { name } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
      results.push(
        await run('node', ['--input-type=module', '--eval', `import '${name}'`], { cwd: join(root, path) }),
      )
    }
    const failed = results.filter((result) => result.code !== 0)
    return {
      code: failed.length === 0 ? 0 : 1,
      output: failed.map((result) => result.output).join('\n'),
      interrupted: results.some((result) => result.interrupted),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
