import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import zlib from 'node:zlib'

export const codings = ['zstd', 'br', 'gzip', 'deflate'] as const
export type Coding = (typeof codings)[number]

const inverse: Readonly<Record<Coding, (bytes: Uint8Array) => Promise<Uint8Array>>> = {
  zstd: promisify<Uint8Array, Uint8Array>(zlib.zstdDecompress),
  br: promisify<Uint8Array, Uint8Array>(zlib.brotliDecompress),
  gzip: promisify<Uint8Array, Uint8Array>(zlib.gunzip),
  deflate: promisify<Uint8Array, Uint8Array>(zlib.inflate),
}

/** By Node. @param coding a `Content-Encoding`; undefined for none */
export const decode = async (coding: string | undefined, bytes: Uint8Array): Promise<Buffer> => {
  const known = codings.find((each) => each === coding)
  if (coding !== undefined && known === undefined) throw new Error(`an unknown coding: ${coding}`)
  return Buffer.from(known === undefined ? bytes : await inverse[known](bytes))
}

/** Programs that decode what they are given, by others than Node's. */
export const programs: Readonly<Partial<Record<Coding, readonly string[]>>> = {
  zstd: ['zstd', '-dc'],
  br: ['brotli', '-dc'],
  gzip: ['gzip', '-dc'],
}

/** What a program makes of bytes. @returns undefined where it is not installed */
export const throughProgram = async (
  [command = '', ...args]: readonly string[],
  bytes: Uint8Array = new Uint8Array(),
): Promise<Buffer | undefined> => {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const failed = once(child, 'error').then(() => undefined)
  child.stdin.on('error', () => undefined)
  child.stdin.end(bytes)
  const read = (async () => {
    const chunks: Buffer[] = await child.stdout.toArray()
    return Buffer.concat(chunks)
  })()
  const spawned = await Promise.race([once(child, 'spawn').then(() => true), failed])
  return spawned ? read : undefined
}
