export { type Outcome, run } from './run.ts'
