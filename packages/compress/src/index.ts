export type { Coding, DictionaryCoding, Level } from './coding.ts'
export { type CompressOptions, compress } from './compress.ts'
export { ContentRefusedError } from './content-refused-error.ts'
export type { DictionaryOf } from './dictionary-rule.ts'
export {
  type Decoded,
  decoded,
  type Encoded,
  encoded,
  type Refused,
  refused,
  type Skipped,
  type StrainChanged,
  skipped,
  strained,
} from './events.ts'
export type { ReadUtilization } from './load.ts'
export { type Choice, negotiate, type Skip } from './policy.ts'
export type { Refusal } from './request-policy.ts'
export type { RequestsRule } from './requests.ts'
export type { CompressRule } from './rule.ts'
export type { FindFile, SiblingsOf } from './siblings-rule.ts'
export type { Marks, Strain } from './strain.ts'
