import { inspect } from 'node:util'

/** A value that a call gave back, or an error that it threw, in a form that can be compared. */
export const describe = (value: unknown): string => {
  if (value instanceof Error) {
    const code = 'code' in value ? ` ${String(value.code)}` : ''
    return `${value.name}${code}: ${value.message}`
  }
  // What an object of Node's looks like inside is nobody's business.
  if (typeof value === 'object' && value !== null && !plain(value)) return value.constructor.name
  return inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY, compact: true, sorted: false })
}

const plain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Array.isArray(value)
}
