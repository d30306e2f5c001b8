import { types } from 'node:util'
import { ownBytes } from '../own-bytes.ts'

/**
 * What callers get of a kept value:
 *
 * - `frozen`: the object itself, which nobody can change: objects and arrays are frozen all through when they are kept.
 *   Bytes, dates, maps and sets cannot be frozen, so values with such in them are handed out as copies.
 * - `cloned`: a copy each time.
 * - `shared`: the object itself, for those who promise not to change it.
 *
 * Instances of classes guard themselves: they are handed out as they are, and so is a value that has some in it.
 */
export type Sharing = 'frozen' | 'cloned' | 'shared'

/** Up to so many objects a list is looked through: a set would have V8 make up a hash for each of them. */
const longestList = 100

/** What a value is made of: parts that freeze, parts that only a copy protects, parts that are left alone. */
class Parts {
  readonly plain: object[] = []
  copied = false
  alone = false
  #seen: Set<object> | undefined

  /** Once for each, as what holds itself has no end. */
  add(part: object): boolean {
    if (this.#seen?.has(part) ?? this.plain.includes(part)) return false
    this.plain.push(part)
    if (this.#seen !== undefined) this.#seen.add(part)
    else if (this.plain.length > longestList) this.#seen = new Set(this.plain)
    return true
  }
}

const collect = (value: unknown, parts: Parts, isOurs: boolean): void => {
  const open: unknown[] = [value]
  while (open.length > 0 && !parts.alone) {
    const part = open.pop()
    if (typeof part === 'function') parts.alone = true
    if (typeof part !== 'object' || part === null) continue
    const prototype: unknown = Object.getPrototypeOf(part)
    if (Array.isArray(part) || prototype === Object.prototype || prototype === null) {
      if (!parts.add(part)) continue
      if (isOurs) collectData(part, open)
      else collectProperties(part, open, parts)
    } else if (types.isDate(part) || types.isMap(part) || types.isSet(part) || isBytes(part))
      parts.copied = true
    else parts.alone = true
  }
}

/** What a frame has made has no property that runs a function when it is read: that takes a tenth of the time. */
const collectData = (part: object, open: unknown[]): void => {
  for (const each of Array.isArray(part) ? part : Object.values(part)) {
    if (typeof each === 'object' || typeof each === 'function') open.push(each)
  }
}

const collectProperties = (part: object, open: unknown[], parts: Parts): void => {
  for (const name of Reflect.ownKeys(part)) {
    const property = Object.getOwnPropertyDescriptor(part, name)
    if (property && 'value' in property) open.push(property.value)
    else parts.alone = true
  }
}

const isBytes = (part: object): boolean => ArrayBuffer.isView(part) || types.isAnyArrayBuffer(part)

/** A value as it is kept, and whether callers get copies of it. */
export interface Guarded {
  readonly value: unknown
  readonly copied: boolean
}

/** A copy that nobody else has, with a store of its own. */
const detached = (bytes: Uint8Array): Uint8Array => {
  const own = ownBytes(bytes)
  if (own !== bytes) return own
  if (!Buffer.isBuffer(bytes)) return structuredClone(bytes)
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength)
  copy.set(bytes)
  return copy
}

/** A copy for one caller. A structured clone of a Buffer would be bytes of another class, and bring all of its pool. */
export const copyOf = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? Buffer.from(value) : structuredClone(value)

/** @param isOurs whether nobody else has the value, so that it need not be copied from whoever gave it */
export const guard = (value: unknown, sharing: Sharing, isOurs = false): Guarded => {
  if (typeof value !== 'object' || value === null) return { value, copied: false }
  if (value instanceof Uint8Array) {
    if (sharing === 'shared') return { value: ownBytes(value), copied: false }
    return { value: isOurs ? ownBytes(value) : detached(value), copied: true }
  }
  if (sharing === 'shared') return { value, copied: false }
  const parts = new Parts()
  collect(value, parts, isOurs)
  if (parts.alone) return { value, copied: false }
  if (sharing === 'cloned' || parts.copied)
    return { value: isOurs ? value : structuredClone(value), copied: true }
  for (const part of parts.plain) Object.freeze(part)
  return { value, copied: false }
}
