import {
  type Exchange,
  fieldOf,
  formatContentRange,
  type Handler,
  HeaderMap,
  ifRangeHolds,
  parseContentRange,
  parseRange,
  type Reply,
  type Site,
  tap,
} from '@millrace/core'
import type { Flight } from '../engine/flight.ts'
import type { Kept } from '../engine/kept.ts'
import type { Slots } from '../engine/slots.ts'
import { answerFrom, forwarded } from './answer.ts'
import { refusesStored } from './asking.ts'
import { assess, isKeepable } from './assess.ts'
import type { Errand } from './errand.ts'
import { type Manner, validatorsOf } from './face.ts'
import type { House } from './house.ts'
import { Keeping, ownCopy, ownKey } from './keeping.ts'
import type { Rule } from './rule.ts'
import { speechOf } from './speech.ts'
import { pageOf, type StoredReply } from './stored.ts'

/** What a handler answered to a request for one range, and is kept where the whole is not there. */
interface Part {
  readonly kept: Kept
  readonly stored: StoredReply
}

const single = /^bytes=(?:\d+-\d*|-\d+)$/i

/**
 * Requests for one range of what is not kept whole. The last part of each page is kept (RFC 9111 section 3.3), and
 * answers the same request again, and one for a part of it. Parts are never put together.
 */
export class Parts {
  readonly #rule: Rule
  readonly #site: Site
  readonly #house: House
  readonly #slots: Slots
  readonly #manner: Manner
  readonly #keeping: Keeping

  constructor(rule: Rule, site: Site, house: House, slots: Slots, manner: Manner) {
    this.#rule = rule
    this.#site = site
    this.#house = house
    this.#slots = slots
    this.#manner = manner
    this.#keeping = new Keeping(rule, site, slots)
  }

  /** Whether a request is one that a part may answer. */
  isFor({ method, headers }: Exchange): boolean {
    // An isolated handler does not see what is asked for.
    return method === 'GET' && !this.#rule.isolate && single.test(fieldOf(headers, 'range') ?? '')
  }

  async answer(exchange: Exchange, next: Handler<Exchange, Reply>, errand: Errand): Promise<Reply> {
    const key = `${errand.key}\nr`
    const part = this.#usable(exchange, errand, await this.#slots.find(key))
    const known = part && this.#from(exchange, part)
    if (part && known) {
      this.#slots.served(key, part.kept)
      this.#house.count(exchange, 'hit', key, part.stored.bornAt)
      return known
    }
    this.#house.count(exchange, 'miss', key)
    const flight = this.#slots.start(key)
    // Nobody waits for it: it tells what is invalidated meanwhile.
    void exchange.done.then(() => this.#slots.end(flight))
    const reply = await next(exchange)
    const stored = this.#take(exchange, reply, errand, flight)
    return forwarded(reply, this.#manner, { fwd: part ? 'partial' : errand.why, stored }, this.#now)
  }

  #usable(exchange: Exchange, errand: Errand, kept: Kept | undefined): Part | undefined {
    const stored = kept && pageOf(kept.value)
    if (kept === undefined || stored?.kind !== 'reply' || this.#slots.standing(kept) !== 'fresh')
      return undefined
    // What has been the whole since then is another one, maybe.
    if (errand.kept !== undefined && errand.kept.createdAt > kept.createdAt) return undefined
    if (this.#rule.clientControl && refusesStored(exchange, kept, stored, this.#now)) return undefined
    const validators = validatorsOf(new HeaderMap(stored.fields), this.#now)
    return ifRangeHolds(exchange.headers, validators, this.#now) ? { kept, stored } : undefined
  }

  /** The part, or the part of it that is asked for; undefined when that is not all in it. */
  #from(exchange: Exchange, { kept, stored }: Part): Reply | undefined {
    const field = fieldOf(exchange.headers, 'range')
    const reply = answerFrom(kept, stored, exchange, this.#now, this.#manner)
    if (field === stored.range || reply.status !== 206) return reply
    const { headers } = reply
    const told = parseContentRange(headers.get('content-range'))
    if (told?.size === undefined) return undefined
    const ranges = parseRange(field, told.size)
    const [range] = typeof ranges === 'object' ? ranges : []
    if (range === undefined || range.first < told.first || range.last > told.last) return undefined
    // Where the handler broke off there is less than was told: a part of what is asked for, which says so (section 15.3.7).
    const last = Math.min(range.last, told.first + stored.body.byteLength - 1)
    if (range.first > last) return undefined
    headers.set('Content-Range', formatContentRange({ first: range.first, last }, told.size))
    headers.set('Content-Length', last - range.first + 1)
    return { ...reply, body: stored.body.subarray(range.first - told.first, last - told.first + 1) }
  }

  /** @returns whether it may be kept */
  #take(exchange: Exchange, reply: Reply, errand: Errand, flight: Flight<Kept | undefined>): boolean {
    // What follows `If-Range` may lack fields that the client has already (RFC 9110 section 15.3.7).
    if (reply.status !== 206 || exchange.headers['if-range'] !== undefined) return false
    const told = parseContentRange(reply.headers.get('content-range'))
    // As the whole would be.
    const whole = { status: 200, headers: reply.headers, body: reply.body }
    const assessed = assess(exchange, whole, this.#rule, this.#house, speechOf(exchange.native), this.#now)
    if (told === undefined || !isKeepable(assessed)) return false
    if (ownKey(errand.first, assessed.varies, exchange) !== errand.key) return false
    const came = this.#now
    const least = Math.max(1, Number(reply.headers.get('content-length') ?? 0))
    void tap(reply, this.#rule.maxBodySize).then((bytes) => {
      const length = bytes?.byteLength ?? 0
      // A message that is shorter than it was said to be is not a whole one (RFC 9111 section 3.3).
      if (bytes === undefined || length < least || length > told.last - told.first + 1) return
      const trip = { exchange, errand, flight }
      this.#keeping.keepPart(trip, reply, assessed, { body: ownCopy(bytes), came, cost: 0 })
    })
    return true
  }

  get #now(): number {
    return this.#site.clock.now()
  }
}
