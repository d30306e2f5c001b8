/** What V8 takes for the parts of a value, with pointers of eight bytes. */
const header = 24
const slot = 8
const boxedNumber = 16
const closure = 64
const mapSlot = 40
const setSlot = 24
const collection = 200
/** A view, its ArrayBuffer, and what the allocator and V8 keep of the store behind it. */
const binary = 360
/** From so many own keys on an object may be a dictionary, with its keys in it. */
const manyKeys = 64
const dictionarySlot = 48

/** How many parts of one value are looked at. What is in the others is taken to be as those are. */
const budget = 1000

/**
 * The bytes that a value holds in this process, estimated. Strings, buffers and collections are counted; of large
 * structures a thousand parts that lie evenly apart are looked at. The store behind a view counts whole, as the view keeps all of it.
 * Counted once for each value, however often it occurs in it.
 */
export const sizeOf = (value: unknown): number => {
  switch (typeof value) {
    case 'object':
      return value === null ? 0 : Math.ceil(sizeOfObject(value, budget, new Set()))
    default:
      return sizeOfPrimitive(value)
  }
}

/** A string in which every character takes one byte in UTF-8 takes one in V8; others are taken to need two. */
export const sizeOfString = (text: string): number =>
  header + (Buffer.byteLength(text) === text.length ? text.length : 2 * text.length)

const sizeOfPrimitive = (value: unknown): number => {
  switch (typeof value) {
    case 'string':
      return sizeOfString(value)
    case 'number':
      return boxedNumber
    case 'bigint':
      return header + value.toString(16).length
    case 'function':
      return closure
    default:
      return 0
  }
}

const sizeOfPart = (value: unknown, left: number, seen: Set<object>): number =>
  typeof value === 'object' && value !== null ? sizeOfObject(value, left, seen) : sizeOfPrimitive(value)

const sizeOfObject = (value: object, left: number, seen: Set<object>): number => {
  if (seen.has(value)) return 0
  seen.add(value)
  if (ArrayBuffer.isView(value)) {
    if (seen.has(value.buffer)) return header * 4
    seen.add(value.buffer)
    return binary + value.buffer.byteLength
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return binary + value.byteLength
  if (Array.isArray(value)) {
    const part = (at: number): unknown => value[at]
    return header + slot * value.length + sizeOfParts(value.length, part, left, seen)
  }
  if (value instanceof Map) {
    const parts = [...first(value, left)].flat()
    return collection + mapSlot * value.size + sizeOfSome(parts, 2 * value.size, left, seen)
  }
  if (value instanceof Set) {
    return collection + setSlot * value.size + sizeOfSome([...first(value, left)], value.size, left, seen)
  }
  return sizeOfRecord(value, left, seen)
}

const sizeOfRecord = (value: object, left: number, seen: Set<object>): number => {
  const keys = Object.keys(value)
  const names = keys.length < manyKeys ? 0 : sizeOfSome(keys, keys.length, left, seen)
  const slots = (keys.length < manyKeys ? slot : dictionarySlot) * keys.length
  const extra = value instanceof Date || value instanceof RegExp ? 4 * header : 0
  const inner = value instanceof Error ? sizeOfString(value.message) + sizeOfString(value.stack ?? '') : 0
  const part = (at: number): unknown => Reflect.get(value, keys[at] ?? '')
  return 2 * header + extra + inner + slots + names + sizeOfParts(keys.length, part, left, seen)
}

/** Looks at as many parts as it may, evenly apart, and takes the others to be like them. */
const sizeOfParts = (
  count: number,
  part: (at: number) => unknown,
  left: number,
  seen: Set<object>,
): number => {
  const looks = Math.min(count, Math.max(1, left))
  if (looks === 0) return 0
  const each = Math.floor((left - looks) / looks)
  let sum = 0
  for (let i = 0; i < looks; i++) {
    const at = Math.floor((i * count) / looks)
    const found = part(at)
    sum +=
      each < 0 && typeof found === 'object'
        ? found === null
          ? 0
          : 4 * header
        : sizeOfPart(found, each, seen)
  }
  return (sum * count) / looks
}

/** The same for parts that can only be had from the first one on. */
const sizeOfSome = (parts: readonly unknown[], count: number, left: number, seen: Set<object>): number =>
  parts.length === 0 ? 0 : (sizeOfParts(parts.length, (at) => parts[at], left, seen) * count) / parts.length

function* first<T>(parts: Iterable<T>, most: number): Generator<T> {
  let left = Math.max(1, most)
  for (const part of parts) {
    if (left-- <= 0) return
    yield part
  }
}
