import { createHash } from 'node:crypto'

/** What a value is kept under. Two keys are one exactly when they are equal, whatever is in their strings. */
export type Key =
  | string
  | number
  | boolean
  | null
  | bigint
  | Date
  | readonly Key[]
  | { readonly [name: string]: Key }

// A plain string is kept under itself, and what is none begins with a character that such a string does not begin
// with: up to `$`, the rest of the string is told by its first character.
const lastReserved = 0x24
const structured = '!'
const hashed = '#'
const space = '$'
/** What marks of tags and of clearing are kept under. */
export const reserved = '"'

/** @throws TypeError when it is no key */
export const encodeKey = (key: Key): string =>
  typeof key === 'string' && key.charCodeAt(0) > lastReserved ? key : structured + encode(key)

/** What the keys of a namespace begin with, and no other keys. */
export const prefixOf = (name: string): string => `${space}${name.length}:${name}`

const encode = (key: Key): string => {
  switch (typeof key) {
    case 'string':
      return `s${key.length}:${key}`
    case 'number':
      return `n${key};`
    case 'bigint':
      return `b${key};`
    case 'boolean':
      return key ? 't' : 'f'
    case 'object':
      return encodeObject(key)
    default:
      throw new TypeError(
        `expected a key of strings, numbers, booleans, null, bigints, dates, got ${typeof key}`,
      )
  }
}

const encodeObject = (key: Exclude<Key, string | number | boolean | bigint>): string => {
  if (key === null) return '0'
  if (key instanceof Date) return `d${key.getTime()};`
  if (isList(key)) return `[${key.map(encode).join('')}]`
  if (!isPlain(key)) {
    throw new TypeError('expected a key of plain objects and arrays, got an instance of a class')
  }
  const names = Object.keys(key).sort()
  return `{${names.map((name) => encode(name) + encode(propertyOf(key, name))).join('')}}`
}

const isPlain = (key: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(key)
  return prototype === Object.prototype || prototype === null
}

/** Whether {@link encodeKey} takes it. */
export const isKey = (value: unknown): value is Key => {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return true
    case 'object':
      return (
        value === null ||
        value instanceof Date ||
        (Array.isArray(value) ? value.every(isKey) : isPlain(value) && Object.values(value).every(isKey))
      )
    default:
      return false
  }
}

const isList = (key: readonly Key[] | { readonly [name: string]: Key }): key is readonly Key[] =>
  Array.isArray(key)

const propertyOf = (key: { readonly [name: string]: Key }, name: string): Key => {
  const value = key[name]
  if (value === undefined) throw new TypeError(`expected a key, got undefined as its ${JSON.stringify(name)}`)
  return value
}

const longest = 250

/** What a key is called in a tier: itself where every tier can hold it, its hash otherwise. */
export const farKey = (key: string): string => {
  if (key.length <= longest && !/\p{Cc}/u.test(key) && key.isWellFormed()) return key
  const prefix = namespaceOf(key)
  const hash = createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64url')
  return `${prefix.length <= longest && !/\p{Cc}/u.test(prefix) && prefix.isWellFormed() ? prefix : ''}${hashed}${hash}`
}

/** Whether it is a hash, which does not say of which key. */
export const isHashed = (name: string): boolean => name.startsWith(hashed, namespaceOf(name).length)

export const isReserved = (name: string): boolean => name.startsWith(reserved, namespaceOf(name).length)

/** The namespaces' part of a key. */
export const namespaceOf = (key: string): string => {
  let end = 0
  while (key[end] === space) {
    const colon = key.indexOf(':', end)
    if (colon < 0) break
    end = colon + 1 + Number(key.slice(end + 1, colon))
  }
  return key.slice(0, end)
}

/** The prefixes of the namespaces that a key is in, outermost (the whole cache, the empty one) first. */
export const prefixesOf = (key: string): string[] => {
  const prefixes = ['']
  for (let end = 0; key[end] === space; ) {
    const colon = key.indexOf(':', end)
    if (colon < 0) break
    end = colon + 1 + Number(key.slice(end + 1, colon))
    prefixes.push(key.slice(0, end))
  }
  return prefixes
}
