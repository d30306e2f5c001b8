import { randomBytes } from 'node:crypto'
import { within } from '@millrace/core'
import { pack, unpack } from 'msgpackr'
import type { Backplane, Notice } from '../tier.ts'
import { type Access, type Connected, type Connection, connect, type RedisSource } from './connection.ts'
import { isCluster } from './options.ts'
import { Script } from './script.ts'

const version = 1
const kinds: readonly Notice['kind'][] = ['set', 'delete', 'expire', 'tag-delete', 'tag-expire', 'clear']
/** Senders whose numbers are remembered; those heard of least recently are forgotten first. */
const mostSenders = 1000

/** In a cluster a plain PUBLISH goes to any node, and messages could overtake each other. */
const publishByKey = new Script(`return redis.call('PUBLISH', ARGV[1], ARGV[2])`)

interface Message {
  readonly sender: string
  /** Counts the sender's messages. */
  readonly number: number
  readonly notices: readonly Notice[]
}

const encode = (sender: string, number: number, notices: readonly Notice[]): Buffer =>
  pack([version, sender, number, notices.map(({ kind, at, names }) => [kinds.indexOf(kind), at, names])])

/** @returns undefined for what another version, or somebody else, has sent */
const decode = (bytes: Buffer): Message | undefined => {
  let message: unknown
  try {
    message = unpack(bytes)
  } catch {
    return undefined
  }
  if (!Array.isArray(message)) return undefined
  const [sentVersion, sender, number, sent]: unknown[] = message
  if (sentVersion !== version || typeof sender !== 'string' || typeof number !== 'number') return undefined
  if (!Array.isArray(sent)) return undefined
  const notices = sent.map(noticeOf)
  return notices.every((notice) => notice !== undefined) ? { sender, number, notices } : undefined
}

const noticeOf = (sent: unknown): Notice | undefined => {
  if (!Array.isArray(sent)) return undefined
  const [index, at, names]: unknown[] = sent
  const kind = typeof index === 'number' ? kinds[index] : undefined
  if (kind === undefined || typeof at !== 'number' || !Array.isArray(names)) return undefined
  return names.every((name) => typeof name === 'string') ? { kind, at, names } : undefined
}

/** What one process last heard of each of the others. */
class Numbers {
  readonly #last = new Map<string, number>()

  /** @returns whether messages between the last one and this one are missing */
  next(sender: string, number: number): boolean {
    const last = this.#last.get(sender)
    this.#last.delete(sender)
    this.#last.set(sender, Math.max(number, last ?? 0))
    if (this.#last.size > mostSenders) {
      for (const oldest of this.#last.keys()) {
        this.#last.delete(oldest)
        break
      }
    }
    return last !== undefined && number > last + 1
  }

  clear(): void {
    this.#last.clear()
  }
}

export interface RedisBackplane extends Backplane, Connected {}

class Broadcast implements RedisBackplane {
  readonly connection: Connection
  readonly #sender = randomBytes(9).toString('base64url')
  readonly #channel: string
  #number = 0
  #listeners = 0
  readonly #done: () => Promise<void>

  constructor({ connection, done }: Access) {
    this.connection = connection
    this.#done = done
    this.#channel = `${connection.settings.prefix}notices`
  }

  async publish(notices: readonly Notice[]): Promise<void> {
    if (notices.length === 0) return
    await this.connection.run((client) => {
      const bytes = encode(this.#sender, ++this.#number, notices)
      return isCluster(client)
        ? publishByKey.run(client, [this.#channel], [this.#channel, bytes])
        : client.publish(this.#channel, bytes)
    }, this.#channel)
  }

  async subscribe(
    hear: (notice: Notice) => void,
    gap: () => void,
    lost?: () => void,
  ): Promise<() => Promise<void>> {
    this.connection.open()
    this.#listeners++
    const numbers = new Numbers()
    const began = Promise.withResolvers<void>()
    let listening = false
    const { ready, end } = this.connection.subscriber.listen(this.#channel, {
      heard: (bytes) => {
        const message = decode(bytes)
        // What cannot be read may have been a notice.
        if (message === undefined) return gap()
        if (message.sender === this.#sender) return
        if (numbers.next(message.sender, message.number)) gap()
        for (const notice of message.notices) hear(notice)
      },
      lost: () => lost?.(),
      back: () => {
        numbers.clear()
        // The first time, nothing was missed that was promised, unless the caller could not be made to wait.
        if (listening) gap()
        began.resolve()
      },
    })
    const { clock } = this.connection.settings
    const waited = await ready
    if (!waited) await within(clock, patience, began.promise, 'No channel to Redis').catch(() => lost?.())
    listening = true
    let ended = false
    return async () => {
      if (ended) return
      ended = true
      end()
      if (--this.#listeners === 0) await this.#done()
    }
  }
}

/** How long `subscribe` waits for a Redis that may be gone, in milliseconds: a start must not hang. */
const patience = 1000

/**
 * Tells other processes by Redis pub/sub. Messages are compact and hold keys and times, never values.
 *
 * @param source a URL, options, an ioredis client, or a tier or locker whose connection it shares
 * @throws TypeError when the options are wrong
 */
export const redisBackplane = (source: RedisSource): RedisBackplane => new Broadcast(connect(source))
