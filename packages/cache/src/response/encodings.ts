import { encodingsOf, keepEncodings } from '@millrace/core'
import type { Kept } from '../engine/kept.ts'
import type { Slots } from '../engine/slots.ts'
import { pageOf } from './stored.ts'

/** Lets who encodes the body of an entry find what has been made of it, and leave what is new beside it. */
export const offerEncodings = (slots: Slots, key: string, kept: Kept): void => {
  const stored = pageOf(kept.value)
  if (stored?.kind !== 'reply' || encodingsOf(stored.body) !== undefined) return
  let current = kept
  keepEncodings(stored.body, {
    get(coding) {
      const page = pageOf(current.value)
      return page?.kind === 'reply' ? page.encodings?.[coding] : undefined
    },
    set(coding, bytes) {
      const page = pageOf(current.value)
      if (page?.kind !== 'reply') return
      // As a new entry, so that its bytes are counted.
      const own = Buffer.from(new Uint8Array(bytes).buffer)
      const amended = slots.amend(key, current, { ...page, encodings: { ...page.encodings, [coding]: own } })
      if (amended !== undefined) current = amended
    },
  })
}
