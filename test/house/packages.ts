import { join } from 'node:path'
import type { Finding } from './finding.ts'
import type { Manifest, Room } from './workspace.ts'

const ofOurs = (dependencies: Readonly<Record<string, string>> = {}): [name: string, range: string][] =>
  Object.entries(dependencies).filter(([name]) => name.startsWith('@millrace/'))

const sorted = (names: Iterable<string>): string => [...names].sort().join(', ') || 'none'

/** The build's own notes are of no use to a user; the sources are what the maps and the source condition point at. */
const published = ['dist', '!dist/.tsbuildinfo', 'src', 'README.md']

/** What is wrong with one manifest, apart from what it depends on. */
const judgeManifest = (manifest: Manifest, folder: string, version: string | undefined): string[] => {
  const wrong: string[] = []
  const expect = (holds: boolean, message: string): void => {
    if (!holds) wrong.push(message)
  }
  expect(manifest.name === `@millrace/${folder}`, `name: expected @millrace/${folder}`)
  expect(manifest.version === version, `version: expected ${version}, which the other packages have`)
  expect((manifest.description ?? '') !== '', 'description: expected one sentence')
  expect(manifest.license === 'MIT', 'license: expected MIT')
  expect(manifest.type === 'module', 'type: expected module')
  expect(manifest.private !== true, 'private: a package in packages/ is published')
  expect(manifest.engines?.node !== undefined, 'engines.node: expected the oldest Node it runs on')
  expect(manifest.publishConfig?.access === 'public', 'publishConfig.access: expected public')
  expect(manifest.files?.join() === published.join(), `files: expected ${published.join(', ')}`)
  const entries = Object.entries(manifest.exports ?? {}).filter(([entry]) => entry !== './package.json')
  expect(
    entries.some(([entry]) => entry === '.'),
    'exports: expected an entry "."',
  )
  for (const [entry, conditions] of entries) {
    const order = typeof conditions === 'string' ? '' : Object.keys(conditions).join()
    expect(
      order === '@millrace/source,types,default',
      `exports["${entry}"]: expected @millrace/source, types, default`,
    )
  }
  return wrong
}

/** Holds the rules that every published package keeps. */
export const checkPackages = (rooms: readonly Room[]): Finding[] => {
  const findings: Finding[] = []
  const add = (path: string, message: string): void => {
    findings.push({ path, line: 1, message })
  }
  const packages = rooms.filter(({ path }) => path.startsWith('packages/'))
  const pathOf = (name: string): string =>
    packages.find(({ manifest }) => manifest.name === name)?.path ?? name
  for (const { path, manifest, files, references } of packages) {
    const manifestPath = join(path, 'package.json')
    for (const message of judgeManifest(
      manifest,
      path.slice('packages/'.length),
      packages[0]?.manifest.version,
    )) {
      add(manifestPath, message)
    }
    if (!files.includes('README.md')) add(join(path, 'README.md'), 'is missing')
    for (const [name, range] of [...ofOurs(manifest.dependencies), ...ofOurs(manifest.devDependencies)]) {
      if (range !== 'workspace:*') add(manifestPath, `${name}: expected workspace:*`)
    }
    const needed = sorted(ofOurs(manifest.dependencies).map(([name]) => pathOf(name)))
    if (sorted(references) !== needed) {
      add(join(path, 'tsconfig.json'), `references ${sorted(references)}; its dependencies are ${needed}`)
    }
  }
  const all = sorted(packages.map(({ path }) => path))
  const built = sorted(rooms.find(({ path }) => path === '')?.references ?? [])
  if (built !== all) add('tsconfig.json', `references ${built}; the packages are ${all}`)

  // What a page of the documentation imports is found from test/.
  const tested = rooms.find(({ path }) => path === 'test')?.manifest.dependencies ?? {}
  for (const { manifest } of packages) {
    if (!(manifest.name in tested)) add('test/package.json', `does not depend on ${manifest.name}`)
  }
  return findings
}
