import { hash } from 'node:crypto'
import { type Coder, dictionaryCoder } from './coder.ts'
import { type DictionaryCoding, dictionaryCodings, type Quality } from './coding.ts'

/** Bytes that clients have, to encode what is like them against (RFC 9842). */
export class Dictionary {
  readonly bytes: Uint8Array
  /** SHA-256, as `Available-Dictionary` has it: in base64. */
  readonly name: string
  readonly #pattern: URLPattern
  readonly #coders = new Map<string, Coder>()

  constructor(bytes: Uint8Array, pattern: URLPattern) {
    this.bytes = bytes
    this.name = hash('sha256', bytes, 'base64')
    this.#pattern = pattern
  }

  /** Whether it was declared for requests of this path. */
  covers(path: string): boolean {
    return this.#pattern.test({ pathname: path })
  }

  /** The same one each time. */
  coder(coding: DictionaryCoding, { zstd, br }: Quality): Coder {
    const quality = coding === 'dcz' ? zstd : br
    const key = `${coding} ${quality}`
    let coder = this.#coders.get(key)
    if (coder === undefined) {
      coder = dictionaryCoder(coding, quality, this.bytes, this.name)
      this.#coders.set(key, coder)
    }
    return coder
  }
}

/** Whether Zstandard takes the bytes for content, and not for a dictionary of its own format (RFC 8878 section 5). */
export const isRaw = (bytes: Uint8Array): boolean =>
  bytes.byteLength >= 8 && Buffer.compare(bytes.subarray(0, 4), formatted) !== 0

const formatted = Uint8Array.of(0x37, 0xa4, 0x30, 0xec)

/** Undefined when it is none, or has regular expressions, which a dictionary may not (RFC 9842 section 2.1.1). */
export const patternOf = (match: string): URLPattern | undefined => {
  try {
    const pattern = new URLPattern({ pathname: match })
    return pattern.hasRegExpGroups ? undefined : pattern
  } catch {
    return undefined
  }
}

let usable: readonly DictionaryCoding[] | undefined

/** The codings with which this Node can: elder ones leave the option out of account. */
export const usableCodings = (): readonly DictionaryCoding[] => {
  usable ??= typeof URLPattern === 'undefined' ? [] : dictionaryCodings.filter(isUsable)
  return usable
}

const isUsable = (coding: DictionaryCoding): boolean => {
  // Does not get smaller by itself.
  const bytes = Buffer.concat(['a', 'b', 'c', 'd'].map((each) => hash('sha512', each, 'buffer')))
  const coder = dictionaryCoder(coding, 1, bytes, hash('sha256', bytes, 'base64'))
  return coder.encode(bytes).byteLength < bytes.byteLength / 2
}

export const areUsable = (): boolean => usableCodings().length > 0

/** The name in an `Available-Dictionary`, a byte sequence of a structured field (RFC 9842 section 2.2, RFC 9651 section 3.3.5). */
export const namedIn = (field: string | undefined): string | undefined =>
  field === undefined ? undefined : /^ *:([A-Za-z0-9+/]{43}=): *$/.exec(field)?.[1]
