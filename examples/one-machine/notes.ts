import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export interface Note {
  readonly text: string
  /** Which process has loaded it, and which of its loads that was. */
  readonly loaded: string
}

/** Where the truth is: a file for each note, slow to read. */
export class Notes {
  readonly #folder: string
  #loads = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  async read(id: string): Promise<Note | undefined> {
    this.#loads++
    const loaded = `${process.pid}:${this.#loads}`
    await wait(50)
    try {
      return { text: await readFile(this.#file(id), 'utf8'), loaded }
    } catch {
      return undefined
    }
  }

  async write(id: string, text: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    await writeFile(this.#file(id), text)
  }

  #file(id: string): string {
    return join(this.#folder, `${encodeURIComponent(id)}.txt`)
  }
}
