import { warn } from '@millrace/core'
import type { Rule } from './rule.ts'

const said = new WeakMap<Rule, Set<string>>()

/** Says once for a rule, and for each of its options, what is wrong with a function of it: requests go on without it. */
export const complain = (
  rule: Rule,
  option: 'ttl' | 'tags' | 'vary',
  route: string,
  error: unknown,
): void => {
  const known = said.get(rule) ?? new Set()
  if (known.has(option)) return
  said.set(rule, known.add(option))
  const message = error instanceof Error ? error.message : String(error)
  warn({
    code: 'MILLRACE_CACHE_RULE',
    message: `cache.${option}: a function failed for ${route}, and what it fails for is not cached: ${message}`,
  })
}
