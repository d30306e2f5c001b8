export type { Coding, Level } from './coding.ts'
export { type CompressOptions, compress } from './compress.ts'
export {
  type Encoded,
  encoded,
  type Skipped,
  type StrainChanged,
  skipped,
  strained,
} from './events.ts'
export type { ReadUtilization } from './load.ts'
export { type Choice, negotiate, type Skip } from './policy.ts'
export type { CompressRule } from './rule.ts'
export type { Marks, Strain } from './strain.ts'
