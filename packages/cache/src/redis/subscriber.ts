import { type Timer, within } from '@millrace/core'
import type { Redis } from 'ioredis'
import { backoff, type Client, type Settings } from './options.ts'

/** Who listens to a channel. */
export interface Ear {
  heard(message: Buffer): void
  /** The connection is gone: from now on messages are missed. */
  lost?(): void
  /** Messages come again. */
  back?(): void
}

/** How often a connection on which nothing comes is asked whether it still is one, and how long it may take. */
const heartbeat = 1000

const ignore = (): void => undefined

/** A connection that only listens. It is made anew whenever it is gone, for as long as somebody listens. */
export class Subscriber {
  readonly #settings: Settings
  readonly #source: () => Client
  readonly #ears = new Map<string, Set<Ear>>()
  #client: Redis | undefined
  #listening = false
  #attempts = 0
  #timer: Timer | undefined

  /** @param source the client in use */
  constructor(settings: Settings, source: () => Client) {
    this.#settings = settings
    this.#source = source
  }

  get state(): 'idle' | 'connecting' | 'listening' {
    if (this.#ears.size === 0 && this.#client === undefined) return 'idle'
    return this.#listening ? 'listening' : 'connecting'
  }

  /**
   * @returns `ready`, which resolves with whether the channel is listened to by now, and `end`. When it is not, `back` is
   *   called when it is.
   */
  listen(channel: string, ear: Ear): { ready: Promise<boolean>; end: () => void } {
    const ears = this.#ears.get(channel) ?? new Set()
    const isNew = ears.size === 0
    this.#ears.set(channel, ears.add(ear))
    const end = (): void => {
      ears.delete(ear)
      if (ears.size > 0 || this.#ears.get(channel) !== ears) return
      this.#ears.delete(channel)
      if (this.#listening) this.#client?.unsubscribe(channel).catch(ignore)
    }
    if (this.#client === undefined && this.#timer === undefined) this.#connect()
    if (!this.#listening || this.#client === undefined) return { ready: Promise.resolve(false), end }
    // Also for a channel that is known: its first subscription may still be on its way, and answers come in order.
    const sent = isNew ? this.#client.subscribe(channel) : this.#client.ping()
    const { clock, deadline } = this.#settings
    const ready = within(clock, deadline, sent, 'Redis did not answer').then(
      () => true,
      () => {
        // What is not confirmed may not be: begin anew, so that nobody believes to hear what does not come.
        this.#client?.disconnect()
        return false
      },
    )
    return { ready, end }
  }

  close(): void {
    for (const ear of this.#everybody()) ear.lost?.()
    this.#ears.clear()
    this.#timer?.cancel()
    this.#timer = undefined
    this.#listening = false
    const client = this.#client
    this.#client = undefined
    client?.disconnect()
  }

  #connect(): void {
    this.#timer = undefined
    let client: Redis
    try {
      client = this.#settings.makeSubscriber(this.#source())
    } catch {
      this.#again()
      return
    }
    this.#client = client
    client.on('error', ignore)
    client.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      for (const ear of [...(this.#ears.get(channel.toString()) ?? [])]) ear.heard(message)
    })
    client.on('ready', () => {
      this.#subscribe(client).catch(() => client.disconnect())
    })
    client.on('end', () => {
      if (this.#client !== client) return
      this.#client = undefined
      const wasListening = this.#listening
      this.#listening = false
      if (wasListening) for (const ear of this.#everybody()) ear.lost?.()
      this.#again()
    })
    client.connect().catch(ignore)
  }

  async #subscribe(client: Redis): Promise<void> {
    const channels = [...this.#ears.keys()]
    if (channels.length > 0) await client.subscribe(...channels)
    if (this.#client !== client) return
    const added = [...this.#ears.keys()].filter((channel) => !channels.includes(channel))
    if (added.length > 0) await client.subscribe(...added)
    if (this.#client !== client) return
    this.#listening = true
    this.#attempts = 0
    for (const ear of this.#everybody()) ear.back?.()
    this.#watch(client)
  }

  /** A connection can be dead without a word. */
  #watch(client: Redis): void {
    const { clock } = this.#settings
    this.#timer = clock.after(heartbeat, () => {
      within(clock, heartbeat, client.ping(), 'Redis is silent').then(
        () => {
          if (this.#client === client) this.#watch(client)
        },
        () => client.disconnect(),
      )
    })
  }

  #again(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#ears.size === 0) return
    this.#timer = this.#settings.clock.after(backoff(this.#attempts++), () => this.#connect())
  }

  #everybody(): Ear[] {
    return [...this.#ears.values()].flatMap((ears) => [...ears])
  }
}
