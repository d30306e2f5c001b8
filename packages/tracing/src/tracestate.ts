import type { TraceState } from '@opentelemetry/api'

/** Members of a list (section 3.3.1.1). */
const mostMembers = 32
/** Characters of a list: what everybody has to propagate (section 3.3.1.5). */
const mostCharacters = 512
/** Members longer than this are the first to go where the list is too long. */
const long = 128

const key = /^(?:[a-z][\d_a-z*/-]{0,255}|[\da-z][\d_a-z*/-]{0,240}@[a-z][\d_a-z*/-]{0,13})$/
const value = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** What tracing systems keep of a trace (W3C Trace Context level 2, section 3.3): a list that is never changed. */
class Members implements TraceState {
  readonly #members: ReadonlyMap<string, string>

  constructor(members: ReadonlyMap<string, string>) {
    this.#members = members
  }

  get(name: string): string | undefined {
    return this.#members.get(name)
  }

  /** @returns itself when the key or the value is illegal */
  set(name: string, given: string): TraceState {
    if (!key.test(name) || !value.test(given)) return this
    // What was changed comes first, and what does not fit any more goes from the end.
    const others = [...this.#members].filter(([other]) => other !== name)
    return new Members(new Map([[name, given] as const, ...others].slice(0, mostMembers)))
  }

  unset(name: string): TraceState {
    return new Members(new Map([...this.#members].filter(([other]) => other !== name)))
  }

  serialize(): string {
    return fitting(Array.from(this.#members, ([name, held]) => `${name}=${held}`)).join(',')
  }
}

/**
 * A `tracestate` field; several are one, joined by commas.
 *
 * @returns undefined when there is nothing in it, or anything in it is illegal
 */
export const parseTracestate = (field: string): TraceState | undefined => {
  const members = new Map<string, string>()
  for (const part of field.split(',')) {
    const member = trimmed(part)
    if (member === '') continue
    const equals = member.indexOf('=')
    const name = member.slice(0, Math.max(0, equals))
    const held = member.slice(equals + 1)
    if (!key.test(name) || !value.test(held) || members.has(name) || members.size === mostMembers)
      return undefined
    members.set(name, held)
  }
  return members.size === 0 ? undefined : new Members(members)
}

/** Without the optional white space of HTTP around it, and no other. */
const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')

/** As many whole members as may go out, the long ones first to go, then those at the end. */
const fitting = (members: readonly string[]): readonly string[] => {
  const lengthOf = (list: readonly string[]): number => list.reduce((sum, each) => sum + each.length + 1, -1)
  if (lengthOf(members) <= mostCharacters) return members
  const left = members.slice()
  while (lengthOf(left) > mostCharacters) {
    const longest = left.findLastIndex((each) => each.length > long)
    left.splice(longest === -1 ? left.length - 1 : longest, 1)
  }
  return left
}
