import {
  type Baggage,
  type BaggageEntry,
  baggageEntryMetadataFromString,
  propagation,
} from '@opentelemetry/api'

/** What everybody has to propagate at least (W3C Baggage, section 3.3.2) is 64 members of 8192 characters together. */
const mostMembers = 180
const mostCharacters = 8192

const token = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/
/** Properties of a member, as they may stand in a field. */
const properties = /^[\t\x20-\x2b\x2d-\x7e]+$/

/**
 * A `baggage` field (W3C Baggage); several are one, joined by commas. Members that are malformed are left out, and those
 * beyond the limits.
 *
 * @returns undefined when nothing is left
 */
export const parseBaggage = (field: string): Baggage | undefined => {
  const members: Record<string, BaggageEntry> = Object.create(null)
  let count = 0
  let taken = -1
  for (const part of field.split(',')) {
    taken += part.length + 1
    if (count === mostMembers || taken > mostCharacters) break
    const [pair = '', ...rest] = part.split(';')
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals)).trim()
    const value = decoded(pair.slice(equals + 1).trim())
    if (!token.test(name) || value === undefined) continue
    const metadata = rest.join(';').trim()
    members[name] =
      metadata === '' ? { value } : { value, metadata: baggageEntryMetadataFromString(metadata) }
    count++
  }
  return count === 0 ? undefined : propagation.createBaggage(members)
}

/** @returns the field; empty when nothing can be said */
export const formatBaggage = (baggage: Baggage): string => {
  let field = ''
  for (const [name, { value, metadata }] of baggage.getAllEntries().slice(0, mostMembers)) {
    const told = metadata?.toString() ?? ''
    const member = `${token.test(name) ? name : encoded(name)}=${encoded(value)}${properties.test(told) ? `;${told}` : ''}`
    const longer = field === '' ? member : `${field},${member}`
    if (longer.length <= mostCharacters) field = longer
  }
  return field
}

/** Half of a surrogate pair has no encoding. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
