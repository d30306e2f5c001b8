import type { RequestHeaders } from '../exchange.ts'
import { memo } from '../memo.ts'
import { parseAccepted } from './accept.ts'
import { fieldOf } from './field.ts'
import { parseNames, splitList } from './list.ts'
import { token } from './token.ts'

const fieldName = new RegExp(`^${token}$`)

const parse = memo((field: string): '*' | readonly string[] => {
  const names = parseNames(field)
  return names.every((name) => name !== '*' && fieldName.test(name)) ? names.sort() : '*'
})

const nothing: readonly string[] = []

/**
 * The request fields that a `Vary` names (RFC 9110 section 12.5.5), in lower case, sorted, each once. `*` when it is
 * among them, or when a member is no name: then no other request is known to fit (RFC 9111 section 4.1).
 */
export const parseVary = (field: string | undefined): '*' | readonly string[] =>
  field === undefined ? nothing : parse(field)

/** Lists of things with a quality, whose names have no case. */
const weighted: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
])

/** One text each, in which a comma is a comma. */
const single: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'date',
  'from',
  'host',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'origin',
  'proxy-authorization',
  'referer',
  'user-agent',
])

const joined = (field: string): string => splitList(field).join(',')

const preferences = memo((field: string): string => {
  const members = new Set<string>()
  for (const text of splitList(field)) {
    if (text === '') continue
    const member = parseAccepted(text)
    // Who knows what the handler makes of it.
    if (member === undefined) return joined(field)
    members.add(member.quality === 1 ? member.value : `${member.value};q=${member.quality}`)
  }
  return [...members].sort().join(',')
})

/**
 * A field's value such that equal ones mean the same (RFC 9111 section 4.1). In a list the white space around commas
 * goes; `Accept` and its like are in lower case and in alphabetical order, because theirs says nothing (RFC 9110
 * section 12.5). Fields that are known to be no lists stay as they are.
 *
 * @param name in lower case
 */
export const normalizedField = (name: string, value: string): string => {
  if (weighted.has(name)) return preferences(value)
  return single.has(name) ? value : joined(value)
}

/**
 * What a request says in the fields that a reply varies by: two requests have the same text exactly when each of these
 * fields is absent in both, or means the same in both.
 *
 * @param names what {@link parseVary} returned
 */
export const varyKey = (names: readonly string[], headers: RequestHeaders): string => {
  let key = ''
  for (const name of names) {
    const value = fieldOf(headers, name)
    if (value === undefined) {
      key += `${name}:-`
    } else {
      // The length keeps a value from reading like the fields that follow.
      const text = normalizedField(name, value)
      key += `${name}:${text.length}:${text}`
    }
  }
  return key
}
