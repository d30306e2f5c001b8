import { randomBytes } from 'node:crypto'

/** From 0 to below 1: what is spread at random, where the options give no other. */
export const systemRandom = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48
