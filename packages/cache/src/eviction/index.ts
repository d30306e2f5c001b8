export { type ResidentsOptions, residents } from './policies.ts'
export type { Bounds, Evicted, Inspected, Leaving, PolicyName, Residents } from './residents.ts'
