import type { Client } from './client.ts'
import { describe } from './outcome.ts'
import { quiet } from './quiet.ts'

/** What one run showed: to the client, to the handler, and to the process. */
export interface Transcript {
  /** What the client had each time somebody waited for it: all from the beginning. */
  readonly received: readonly string[]
  /** How many events there had been by then. */
  readonly eventsBy: readonly number[]
  /** What the handler's calls gave back or threw, and how the response looked after each. */
  readonly calls: readonly string[]
  /** The response's events and the handler's callbacks, in order. */
  readonly events: readonly string[]
  /** How the response came to its end. By itself, because `prefinish` may be before or after a write's callback. */
  readonly ends: readonly string[]
  /** What middleware around the handler noticed. */
  readonly marks: readonly string[]
  readonly faults: readonly string[]
  readonly ended: Client['ended']
}

/** How a transcript is looked at. */
export interface View {
  /** What of the bytes has to be the same. */
  received(text: string): string
  /** The same at the end of a run: whether an answer was complete cannot be told before. */
  all(text: string): string
  /** What of a handler's calls has to be the same. */
  call(text: string): string
  /** Whether everything else has to be the same too. */
  readonly exact: boolean
}

/** How long to wait for what a run without Millrace has shown to come. Only a failure waits for it. */
const patience = 700

/** A response, as far as a run watches it. */
export interface Watched {
  readonly writableEnded: boolean
  on(event: string, listener: (...args: readonly unknown[]) => void): unknown
}

/** One program on one server. */
export class Run {
  readonly calls: string[] = []
  readonly events: string[] = []
  readonly ends: string[] = []
  readonly marks: string[] = []
  readonly faults: string[] = []
  readonly received: string[] = []
  readonly eventsBy: number[] = []
  /** Express's `res.send` for what the handler cannot say as data. */
  send: (text: string) => void = () => undefined
  /** Whether the response's last `write` said that it takes more. */
  flowing = true
  client: Client | undefined
  #activity = 0
  #running = 0
  #closed = false
  /** What came without Millrace does not come. */
  #stalled = false
  #watched: Watched | undefined
  #syncing = 0
  readonly #pending = new Set<symbol>()
  readonly #waiting = new Set<() => void>()
  readonly #view: View
  readonly #expected: Transcript | undefined
  /** Only the end is looked at, not what the client has on the way. */
  readonly #loose: boolean

  /** @param expected what to wait for; without, whatever happens is taken */
  constructor(view: View, expected: Transcript | undefined, loose = false) {
    this.#view = view
    this.#expected = expected
    this.#loose = loose
  }

  readonly active = (): void => {
    this.#activity++
    for (const wake of this.#waiting) wake()
  }

  call(text: string): void {
    this.calls.push(text)
    this.active()
  }

  event(text: string): void {
    this.events.push(`${this.received.length} ${text}`)
    this.active()
  }

  mark(text: string): void {
    this.marks.push(text)
    this.active()
  }

  fault(text: string): void {
    this.faults.push(text)
    this.active()
  }

  callback(name: string): (...args: readonly unknown[]) => void {
    const call = Symbol(name)
    this.#pending.add(call)
    return (...args) => {
      this.#pending.delete(call)
      this.event(`${name}(${args.map(describe).join(', ')})`)
    }
  }

  /** The callbacks that wait to be called. */
  get uncalled(): readonly string[] {
    return [...this.#pending].map((call) => call.description ?? '')
  }

  /** A handler begins; the run is not over before it is. */
  begin(): () => void {
    this.#running++
    this.active()
    return () => {
      this.#running--
      this.active()
    }
  }

  watch(res: Watched): void {
    this.#watched = res
    for (const event of ['prefinish', 'finish', 'drain', 'pipe', 'unpipe', 'close']) {
      res.on(event, () => {
        if (event === 'close') this.#closed = true
        if (['prefinish', 'pipe', 'unpipe'].includes(event)) this.active()
        else this.event(event)
        if (['prefinish', 'finish', 'close'].includes(event)) this.ends.push(event)
      })
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Waits until the client has all that it is going to get so far, and takes down what that is. */
  async sync(): Promise<void> {
    this.#syncing++
    if (this.#loose) await this.calm()
    else await this.#until(() => this.#arrived())
    this.#syncing--
    if (this.#loose) this.active()
    else this.#take()
  }

  /** Waits until nothing goes on by itself. */
  calm(): Promise<void> {
    return this.#quiet()
  }

  /** Waits until the handler is through, and the client has all. */
  async finish(): Promise<void> {
    await this.#until(
      () =>
        this.#running === 0 &&
        this.#syncing === 0 &&
        (this.#closed || this.#watched?.writableEnded !== true) &&
        this.#arrived(),
    )
    this.#take()
  }

  transcript(): Transcript {
    return {
      received: this.received,
      eventsBy: this.eventsBy,
      calls: this.calls,
      events: this.events,
      ends: this.ends,
      marks: this.marks,
      faults: this.faults,
      ended: this.client?.ended ?? 'no',
    }
  }

  #take(): void {
    this.received.push(this.client?.received ?? '')
    this.eventsBy.push(this.events.length)
    this.active()
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      await this.#quiet()
      if (this.#stalled || condition()) return
      if (await this.#change()) continue
      // The process itself may have stood still.
      await this.#quiet()
      if (condition()) return
      this.event('stalled')
      this.#stalled = true
    }
  }

  #quiet(): Promise<void> {
    return quiet(() => this.#activity)
  }

  /** Whether the client has as much as it had without Millrace. */
  #arrived(): boolean {
    const at = this.received.length
    const wanted = this.#expected?.received[at]
    if (wanted === undefined) return true
    if (this.#view.received(this.client?.received ?? '').length < this.#view.received(wanted).length)
      return false
    return !this.#view.exact || this.events.length >= (this.#expected?.eventsBy[at] ?? 0)
  }

  /**
   * Until something happens. When nothing does, the run goes on to its end without waiting for anything more.
   *
   * @returns whether something has happened
   */
  #change(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(wake)
        resolve(false)
      }, patience)
      const wake = (): void => {
        this.#waiting.delete(wake)
        clearTimeout(timer)
        resolve(true)
      }
      this.#waiting.add(wake)
    })
  }
}
