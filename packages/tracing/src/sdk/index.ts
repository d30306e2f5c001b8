export type { Delivered } from './delivery.ts'
export { type Sdk, type SdkInspection, startSdk } from './sdk.ts'
export type { Protocol, SdkOptions } from './settings.ts'
export { type Held, Tail, TailSampler } from './tail.ts'
