export interface Screen {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const STEPS = 4

/**
 * Says how far a job is: on a terminal in one line that is written over, elsewhere (a log, a file) in a few lines.
 */
export function progress(screen: Screen, label: string): (done: number, total: number) => void {
  let shown = -1
  return (done, total) => {
    const percent = Math.floor((done / total) * 100)
    const step = screen.isTTY ? percent : Math.floor((percent * STEPS) / 100)
    if (step === shown) return
    shown = step
    if (!screen.isTTY) screen.write(`${label}: ${percent} %\n`)
    // Cleared at the end: the line of the result comes in its place.
    else screen.write(done < total ? `\r\x1b[K${label}: ${percent} %` : '\r\x1b[K')
  }
}
