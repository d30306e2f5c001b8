import type { FileHandle } from 'node:fs/promises'

const chunkSize = 64 * 1024

/** An open file, or its beginning, as it is read. */
export class FileBody implements AsyncIterable<Uint8Array> {
  readonly byteLength: number
  readonly #file: FileHandle
  #closed: Promise<void> | undefined

  constructor(file: FileHandle, byteLength: number) {
    this.#file = file
    this.byteLength = byteLength
  }

  /** Without effect once it is closed. */
  close(): Promise<void> {
    this.#closed ??= this.#file.close()
    return this.#closed
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    let at = 0
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      const left = this.byteLength - at
      if (left === 0) return finish()
      const room = Buffer.allocUnsafe(Math.min(left, chunkSize))
      const { bytesRead } = await this.#file.read(room, 0, room.byteLength, at)
      if (bytesRead === 0) throw new Error('a file got shorter while it was read')
      at += bytesRead
      return { done: false, value: room.subarray(0, bytesRead) }
    }
    const finish = async (): Promise<IteratorResult<Uint8Array>> => {
      await this.close()
      return { done: true, value: undefined }
    }
    return { next, return: finish }
  }
}
