import { type Clock, type Timer, within } from '@millrace/core'
import { tierFailed } from '../events.ts'
import type { Backplane, Notice } from '../tier.ts'
import { type Engine, fence, soften } from './engine.ts'
import type { FarTiers } from './far-tiers.ts'
import { isHashed, namespaceOf, reserved } from './key.ts'
import type { Resolved } from './options.ts'
import { turnPart } from './part.ts'
import type { Recovery } from './recovery.ts'

const name = 'backplane'
const pause = 2000

/** What this process tells the others, and what it hears of them. */
export class Wire {
  readonly #engine: Engine
  readonly #far: FarTiers
  readonly #backplane: Backplane | undefined
  readonly #recovery: Recovery
  readonly #options: Resolved
  #end: (() => Promise<void>) | undefined
  #retry: Timer | undefined
  #stopped = true
  #failures = 0

  constructor(
    engine: Engine,
    far: FarTiers,
    backplane: Backplane | undefined,
    recovery: Recovery,
    options: Resolved,
  ) {
    this.#engine = engine
    this.#far = far
    this.#backplane = backplane
    this.#recovery = recovery
    this.#options = options
  }

  get connected(): boolean {
    return this.#end !== undefined
  }

  get failures(): number {
    return this.#failures
  }

  /** Subscribes, now or when it can be done. */
  async start(): Promise<void> {
    this.#stopped = false
    await this.#subscribe()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#retry?.cancel()
    const end = this.#end
    this.#end = undefined
    await turnPart(this.#clock, name, 'stop', end)
  }

  /** Tells the others. What cannot be told now is told later. */
  async publish(notice: Notice): Promise<void> {
    const backplane = this.#backplane
    if (backplane === undefined) return
    const send = async (notices: readonly Notice[]): Promise<boolean> => {
      try {
        await within(
          this.#engine.clock,
          this.#options.tierTimeout,
          backplane.publish(notices),
          'the backplane took too long',
        )
        return true
      } catch (error) {
        this.#fail('publish', error)
        return false
      }
    }
    if (await send([notice])) return
    for (const each of notice.names) {
      this.#recovery.add(`${name} ${notice.kind} ${each}`, notice.at, () =>
        send([{ ...notice, names: [each] }]),
      )
    }
  }

  /** Something that another process has done. */
  hear(notice: Notice): void {
    const { stamps, tags, clears, near, trust } = this.#engine
    const { kind, names, at } = notice
    stamps.hear(at)
    for (const each of names) {
      if (kind === 'clear') {
        if (!clears.raise(each, { deletedAt: at, expiredAt: 0 })) continue
        trust.doubt()
        // What has come since stays: it may be all that there is of it, where a tier has yet to take it.
        for (const [key, { createdAt }] of near.entries())
          if (createdAt <= at && key.startsWith(each)) near.delete(key)
      } else if (kind === 'tag-expire' && each === namespaceOf(each) + reserved) {
        if (clears.raise(namespaceOf(each), { deletedAt: 0, expiredAt: at })) trust.doubt()
      } else if (kind === 'tag-delete') tags.raise(each, { deletedAt: at, expiredAt: 0 })
      else if (kind === 'tag-expire') tags.raise(each, { deletedAt: 0, expiredAt: at })
      else this.#hearOfKey(kind, each, at)
    }
  }

  /** Notices may have been missed. */
  gap(): void {
    const { near, trust, stamps } = this.#engine
    // Without a tier to compare with there is nothing to trust.
    if (this.#far.tiers.length === 0) near.clear()
    trust.gap(stamps.next())
  }

  #hearOfKey(kind: 'set' | 'delete' | 'expire', key: string, at: number): void {
    const { near } = this.#engine
    if (isHashed(key)) {
      // Which key that is cannot be known.
      this.gap()
      return
    }
    fence(this.#engine, key, at, kind !== 'expire')
    if (kind === 'expire') {
      soften(this.#engine, key, at, this.#options)
      return
    }
    const known = near.get(key)
    // Of two values of the same time the tier has one, and it is the one that all shall have.
    if (known !== undefined && known.createdAt <= at) near.delete(key)
  }

  async #subscribe(): Promise<void> {
    if (this.#backplane === undefined) return
    const hear = (notice: Notice): void => this.hear(notice)
    const gap = (): void => this.gap()
    const lost = (): void => {
      this.#engine.trust.deaf = true
    }
    const subscribed = subscribe(this.#backplane, hear, gap, lost)
    try {
      const end = await within(this.#clock, pause, subscribed, 'the backplane took too long')
      if (this.#stopped) {
        await end()
        return
      }
      this.#end = end
      this.#far.told = true
      // What was kept before anybody listened.
      this.gap()
    } catch (error) {
      // Where it was only late there will be another one.
      void subscribed.then((end) => end()).catch(() => {})
      this.#fail('subscribe', error)
      if (!this.#stopped) this.#retry = this.#clock.after(pause, () => void this.#subscribe())
    }
  }

  get #clock(): Clock {
    return this.#engine.clock
  }

  #fail(operation: 'publish' | 'subscribe', error: unknown): void {
    this.#failures++
    if (tierFailed.hasSubscribers) tierFailed.publish({ tier: name, operation, error })
  }
}

/** A backplane that throws rejects. */
const subscribe = async (
  backplane: Backplane,
  ...ears: Parameters<Backplane['subscribe']>
): Promise<() => Promise<void>> => backplane.subscribe(...ears)
