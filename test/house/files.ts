import { basename } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { type Finding, lineAt } from './finding.ts'
import type { File } from './workspace.ts'

const longest = 350

/** Names that say nothing, so that anything ends up under them. */
const emptyName = /^(?:utils?|helpers?|common|misc)(?:\.|$)/

/** Where a clock and a random number may be made. */
const mayReadTime = [
  // The door that time comes in through.
  'packages/core/src/clock.ts',
  // Drives real servers and real clients, and has to give up on one that hangs.
  'packages/testing/src/',
  // Tells how late the event loop is.
  'packages/timing/src/metrics/process.ts',
  // A program of its own: nobody gives it a clock.
  'packages/cli/src/',
]
const timeModules = [
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'timers',
  'timers/promises',
  'perf_hooks',
]
const timeFunctions = ['setTimeout', 'setInterval']
const timeMembers = [
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'AbortSignal.timeout',
  ...timeFunctions.map((name) => `globalThis.${name}`),
]

const silencing = /@ts-(?:ignore|nocheck|expect-error)/

/** Holds the rules for one file of a package's src. */
const checkFile = ({ path, text }: File): Finding[] => {
  const findings: Finding[] = []
  const add = (offset: number, message: string): void => {
    findings.push({ path, line: lineAt(text, offset), message })
  }

  const lines = text.trimEnd().split('\n').length
  if (lines > longest) {
    findings.push({
      path,
      line: longest + 1,
      message: `has ${lines} lines; ${longest} are enough for one noun`,
    })
  }
  const part = path.split('/').find((name) => emptyName.test(name))
  if (part !== undefined) add(0, `is named ${part}; name it after what it holds`)

  const { program, comments } = parseSync(path, text)
  for (const { value, start } of comments) {
    const silenced = silencing.exec(value)?.[0]
    if (silenced !== undefined) add(start, `silences the compiler with ${silenced}`)
  }

  const timeless = !mayReadTime.some((place) => path.startsWith(place))
  const addTime = (offset: number, what: string): void => {
    if (timeless) add(offset, `uses ${what}; time and randomness come from the clock`)
  }
  new Visitor({
    TSAsExpression: ({ start, typeAnnotation, expression }) => {
      if (typeAnnotation.type === 'TSAnyKeyword' || typeAnnotation.type === 'TSNeverKeyword') {
        add(start, 'casts the type away')
      }
      if (expression.type === 'TSAsExpression' && expression.typeAnnotation.type === 'TSUnknownKeyword') {
        add(start, 'casts through unknown, so the compiler checks nothing')
      }
    },
    AssignmentExpression: ({ start, left, right }) => {
      const made = right.type === 'ArrowFunctionExpression' || right.type === 'FunctionExpression'
      // V8 takes it for a prototype's method and puts it where only a full collection finds it, with all it holds on to.
      if (made && left.type === 'MemberExpression')
        add(start, 'assigns a function literal to a property; name it first')
    },
    ImportDeclaration: ({ start, source }) => {
      if (timeModules.includes(source.value)) addTime(start, source.value)
    },
    CallExpression: ({ start, callee }) => {
      if (callee.type === 'Identifier' && timeFunctions.includes(callee.name)) addTime(start, callee.name)
      if (callee.type === 'Identifier' && callee.name === 'Date') addTime(start, 'Date()')
    },
    NewExpression: ({ start, callee, arguments: given }) => {
      if (callee.type === 'Identifier' && callee.name === 'Date' && given.length === 0)
        addTime(start, 'new Date()')
    },
    MemberExpression: ({ start, object, property }) => {
      if (object.type !== 'Identifier' || property.type !== 'Identifier') return
      const member = `${object.name}.${property.name}`
      if (timeMembers.includes(member)) addTime(start, member)
    },
  }).visit(program)
  return findings
}

/** Holds the rules for what a package's src says, file by file. */
export const checkFiles = (files: readonly File[]): Finding[] =>
  files.filter(({ path }) => /^packages\/[^/]+\/src\//.test(path)).flatMap(checkFile)

/** The names of files anywhere: a name that says nothing is no better in a test. */
export const checkNames = (files: readonly File[]): Finding[] =>
  files
    .filter(({ path }) => emptyName.test(basename(path)))
    .map(({ path }) => ({ path, line: 1, message: `name it after what it holds` }))
