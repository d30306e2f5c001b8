import type { Answer } from './answer.ts'
import { jsonOf } from './format.ts'

/** Answers as lines (NDJSON), each when it is there. What a slow client has not read yet is held. */
export class Lines {
  readonly #waiting: string[] = []
  #isOver = false
  #wake: (() => void) | undefined

  add(answer: Answer): void {
    this.#waiting.push(`${jsonOf(answer)}\n`)
    this.#wake?.()
  }

  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  /** @param left called when nobody reads any more, or all is read */
  async *bytes(left: () => void): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (this.#waiting.length > 0) yield Buffer.from(this.#waiting.splice(0).join(''))
        else if (this.#isOver) return
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    } finally {
      left()
    }
  }
}
