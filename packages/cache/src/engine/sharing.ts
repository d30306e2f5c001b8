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

/** What a value is made of: parts that freeze, parts that only a copy protects, parts that are left alone. */
interface Parts {
  readonly plain: Set<object>
  copied: boolean
  alone: boolean
}

const collect = (value: unknown, parts: Parts): void => {
  const open: unknown[] = [value]
  while (open.length > 0 && !parts.alone) {
    const part = open.pop()
    if (typeof part === 'function') parts.alone = true
    if (typeof part !== 'object' || part === null || parts.plain.has(part)) continue
    const prototype: unknown = Object.getPrototypeOf(part)
    if (Array.isArray(part) || prototype === Object.prototype || prototype === null) {
      parts.plain.add(part)
      for (const name of Reflect.ownKeys(part)) {
        const property = Object.getOwnPropertyDescriptor(part, name)
        if (property && 'value' in property) open.push(property.value)
        else parts.alone = true
      }
    } else if (types.isDate(part) || types.isMap(part) || types.isSet(part) || isBytes(part))
      parts.copied = true
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

export const guard = (value: unknown, sharing: Sharing): Guarded => {
  if (typeof value !== 'object' || value === null) return { value, copied: false }
  if (value instanceof Uint8Array) {
    return sharing === 'shared'
      ? { value: ownBytes(value), copied: false }
      : { value: detached(value), copied: true }
  }
  if (sharing === 'shared') return { value, copied: false }
  const parts: Parts = { plain: new Set(), copied: false, alone: false }
  collect(value, parts)
  if (parts.alone) return { value, copied: false }
  if (sharing === 'cloned' || parts.copied) return { value: structuredClone(value), copied: true }
  for (const part of parts.plain) Object.freeze(part)
  return { value, copied: false }
}
