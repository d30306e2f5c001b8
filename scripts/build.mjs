import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './command.mjs'

/** The folders of the packages, from the workspace's root. A branch that has one fewer leaves a folder without it. */
export const packages = readdirSync(join(root, 'packages'))
  .map((name) => `packages/${name}`)
  .filter((path) => existsSync(join(root, path, 'package.json')))

/** The compiler leaves behind what it once made of a source that is gone, and all of `dist` is published. */
const sweep = () => {
  for (const folder of packages) {
    const dist = join(root, folder, 'dist')
    if (!existsSync(dist)) continue
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      const source = /^(.*?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(file)?.[1]
      if (source !== undefined && !existsSync(join(root, folder, 'src', `${source}.ts`)))
        rmSync(join(dist, file))
    }
  }
}

export const build = () => {
  sweep()
  return run('tsc', ['-b', '--pretty', 'false'])
}
