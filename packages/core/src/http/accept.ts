import { memo } from '../memo.ts'
import { splitList } from './list.ts'
import { quotedString, token } from './token.ts'

/** One thing that a client takes, and how gladly. */
export interface Accepted {
  /**
   * A coding, a language range, a charset or a media range, in lower case; `*` and the like stay what they are. Of a
   * media range the parameters follow as `;name=value`, the values as they were sent.
   */
  readonly value: string
  /** Up to three decimals: 1 is best and the default, 0 means that it is not acceptable. */
  readonly quality: number
}

const subject = new RegExp(`^${token}(?:/${token})?$`)
const parameter = new RegExp(`^(${token})=(${token}|${quotedString})$`)
const weight = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/** Reads one member. A weight counts wherever it stands (RFC 9110 section 12.5.1). @returns undefined when malformed */
export const parseAccepted = (member: string): Accepted | undefined => {
  const [range = '', ...parameters] = splitList(member, ';')
  if (!subject.test(range)) return undefined
  let value = range.toLowerCase()
  let quality: number | undefined
  for (const each of parameters) {
    if (each === '') continue
    const match = parameter.exec(each)
    if (!match) return undefined
    const [, given = '', argument = ''] = match
    const name = given.toLowerCase()
    if (name !== 'q') value += `;${name}=${argument}`
    else if (quality !== undefined || !weight.test(argument)) return undefined
    else quality = Number(argument)
  }
  return { value, quality: quality ?? 1 }
}

const parse = memo((field: string): readonly Accepted[] =>
  splitList(field).flatMap((member) => parseAccepted(member) ?? []),
)

const nothing: readonly Accepted[] = []

/**
 * Reads `Accept`, `Accept-Encoding`, `Accept-Language` or `Accept-Charset` (RFC 9110 sections 12.4.2 and 12.5), in the
 * order of the field. Malformed members are left out. An absent field gives an empty list like an empty one, but means
 * the opposite: anything is welcome.
 */
export const parseAccept = (field: string | undefined): readonly Accepted[] =>
  field === undefined ? nothing : parse(field)
