import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import type { Millrace } from '@millrace/core'
import { configProblems, ProblemError } from './problem.ts'

const names = ['ts', 'mts', 'js', 'mjs'].map((ending) => `millrace.config.${ending}`)

/**
 * The Millrace that the config module exports as `mill`.
 *
 * @param given the module; without it the first `millrace.config.*` in `cwd`
 * @throws ProblemError
 */
export const loadConfig = async (cwd: string, given: string | undefined): Promise<Millrace> => {
  const path = given === undefined ? find(cwd) : resolve(cwd, given)
  const name = relative(cwd, path) || path
  if (!existsSync(path)) throw new ProblemError([`${name}: no such file`])
  const module = await load(path, name)
  const { mill } = module
  if (isMillrace(mill)) return mill
  const exported = Object.keys(module).join(', ') || 'nothing'
  throw new ProblemError([
    `${name}: expected a Millrace as the named export "mill"; it exports ${exported}`,
    ...(isMillrace(module['default']) ? [`${name}: write "export const mill", not "export default"`] : []),
  ])
}

const find = (cwd: string): string => {
  const path = names.map((name) => resolve(cwd, name)).find(existsSync)
  if (path === undefined)
    throw new ProblemError([`no ${names.join(', ')} in ${cwd}; name another with --config`])
  return path
}

const load = async (path: string, name: string): Promise<Readonly<Record<string, unknown>>> => {
  try {
    return await import(pathToFileURL(path).href)
  } catch (error) {
    const problems = configProblems(error)
    throw new ProblemError(
      problems?.map((problem) => `${name}: ${problem}`) ?? [`${name}: failed to load: ${inspect(error)}`],
    )
  }
}

/** Known by what is asked of it here, since it may come from another copy of the core. */
const isMillrace = (value: unknown): value is Millrace =>
  typeof value === 'object' &&
  value !== null &&
  ['configure', 'explain', 'explainTable', 'inspect', 'schema'].every(
    (method) => typeof Reflect.get(value, method) === 'function',
  )
