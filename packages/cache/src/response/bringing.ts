import {
  AlreadyAnsweredError,
  ClientGoneError,
  derive,
  type Exchange,
  failed,
  type Handler,
  HeaderMap,
  parseEntityTag,
  type Reply,
  type Site,
  sameWeakly,
  tap,
} from '@millrace/core'
import type { Flight } from '../engine/flight.ts'
import type { Kept } from '../engine/kept.ts'
import type { Slots } from '../engine/slots.ts'
import { servesInstead } from '../policy.ts'
import { answerFrom, forwarded, type How, hasAlready, notModified } from './answer.ts'
import { type Assessed, assess, isKeepable } from './assess.ts'
import type { Errand } from './errand.ts'
import type { Manner } from './face.ts'
import { handlerView } from './handler-view.ts'
import type { House } from './house.ts'
import { type Goods, identify, Keeping, ownCopy, type Trip } from './keeping.ts'
import { variantKey } from './key.ts'
import type { Refresh } from './refresh.ts'
import type { Rule } from './rule.ts'
import { speechOf } from './speech.ts'
import { keptFields, pageOf, type StoredReply, updatedFields } from './stored.ts'

type Next = Handler<Exchange, Reply>
type Run = Flight<Kept | undefined>

const nothing: ReadonlySet<string> = new Set()

/** The ways to the handler, and what becomes of what it says. */
export class Bringing {
  readonly manner: Manner
  readonly #rule: Rule
  readonly #site: Site
  readonly #house: House
  readonly #slots: Slots
  readonly #keeping: Keeping
  /** Whose handler runs for those who wait. */
  readonly #runners = new WeakMap<Run, Exchange>()

  constructor(rule: Rule, site: Site, house: House, slots: Slots) {
    this.#keeping = new Keeping(rule, site, slots)
    this.#rule = rule
    this.#site = site
    this.#house = house
    this.#slots = slots
    this.manner = {
      name: house.name,
      browser: rule.browser,
      hidden: house.consumesTargets ? house.targets : [],
    }
  }

  /** Whose handler runs, or ran, for a flight; undefined where that was in another process. */
  whoRuns(flight: Run): Exchange | undefined {
    return this.#runners.get(flight)
  }

  /** For this request alone, whose reply is not kept. */
  async alone(exchange: Exchange, next: Next, { key, why }: Errand): Promise<Reply> {
    this.#house.count(exchange, 'miss', key)
    return this.#forward(await next(this.#seen(exchange)), { fwd: why })
  }

  /** Of a request whose reply is not kept; isolated, its handler sees no more than others. */
  #seen(exchange: Exchange): Exchange {
    const view = this.#rule.isolate ? handlerView(exchange, this.#rule, undefined) : undefined
    return view === undefined ? exchange : derive(exchange, view)
  }

  /**
   * For all who ask for the same meanwhile; in all processes, where the rule says so.
   *
   * @param flight the one that has been begun for it, if it has
   */
  async lead(
    exchange: Exchange,
    next: Next,
    errand: Errand,
    flight: Run = this.#slots.start(errand.key),
  ): Promise<Reply> {
    const slots = this.#slots
    if (this.#rule.lock === false) return this.#run(exchange, next, flight, errand)
    let release: (() => Promise<void>) | undefined
    try {
      const turn = await slots.turn(errand.key, () => this.#fromOthers(flight, errand))
      release = turn.brought ? undefined : turn.release
      const stored = turn.brought && pageOf(turn.brought.value)
      if (turn.brought && stored?.kind === 'reply') {
        this.#land(flight, turn.brought)
        this.#house.count(exchange, 'coalesced', errand.key, stored.bornAt)
        return answerFrom(turn.brought, stored, exchange, this.#now, this.manner, {
          fwd: errand.why,
          collapsed: true,
        })
      }
    } catch (error) {
      this.#crash(flight, errand.key, error)
      throw error
    }
    // Whoever waits elsewhere waits for the whole reply, and until it can be found.
    const done = flight.join()
    try {
      return await this.#run(exchange, next, flight, errand)
    } finally {
      void done
        .catch(() => {})
        .then(() => slots.written(flight))
        .then(release)
    }
  }

  /** For a request of the cache's own. */
  again({ flight, errand }: Refresh, exchange: Exchange, next: Next): Promise<Reply> {
    return this.lead(exchange, next, errand, flight)
  }

  /** A `HEAD` that nothing answers: what it says updates what is kept (RFC 9111 section 4.3.5). */
  async head(exchange: Exchange, next: Next, errand: Errand): Promise<Reply> {
    this.#house.count(exchange, 'miss', errand.key)
    const { kept } = errand
    const reply = await next(this.#seen(exchange))
    // What was forgotten meanwhile stays forgotten.
    const stored = kept && this.#slots.near(errand.key) === kept ? pageOf(kept.value) : undefined
    if (stored?.kind === 'reply' && reply.status === 200) await this.#update(exchange, reply, errand, stored)
    return this.#forward(reply, { fwd: errand.why })
  }

  /** What a `POST` brought, for those who `GET` it from now on. @returns whether it may be kept */
  adopt(exchange: Exchange, reply: Reply, page: string, key: string): boolean {
    const assessed = this.#assess(exchange, reply)
    if (!assessed.terms.isExplicit || !isKeepable(assessed)) return false
    // What is on its way is newer.
    if (this.#slots.run(key) !== undefined) return false
    const errand: Errand = { key, first: key, page, kept: undefined, why: 'uri-miss' }
    const trip = { exchange, errand, flight: this.#slots.start(key) }
    this.#gather(trip, reply, 0, (goods) => this.#keeping.keep(trip, reply, assessed, goods).shared)
    return true
  }

  async #update(exchange: Exchange, reply: Reply, errand: Errand, old: StoredReply): Promise<void> {
    if (!isSameRepresentation(old, reply.headers)) return this.#house.forget(errand.page)
    // What is on its way is newer.
    if (this.#slots.run(errand.key) !== undefined) return
    const flight = this.#slots.start(errand.key)
    const news = keptFields(reply.headers, exchange.preset, nothing)
    const headers = new HeaderMap(updatedFields(old.fields, news))
    takeTimes(headers, reply.headers)
    const whole = { status: old.status, headers, body: old.body }
    const assessed = this.#assess(exchange, whole)
    const goods = { body: old.body, came: this.#now, cost: 0 }
    if (isKeepable(assessed)) this.#keeping.keep({ exchange, errand, flight }, whole, assessed, goods)
    this.#land(flight, undefined)
  }

  async #fromOthers(flight: Run, { kept: before }: Errand): Promise<Kept | undefined> {
    const kept = await this.#slots.newer(flight, before)
    return kept && pageOf(kept.value)?.kind === 'reply' ? kept : undefined
  }

  async #run(exchange: Exchange, next: Next, flight: Run, errand: Errand): Promise<Reply> {
    const { clock } = this.#site
    const began = clock.elapsed()
    try {
      this.#runners.set(flight, exchange)
      this.#house.count(exchange, 'miss', errand.key)
      const view = handlerView(exchange, this.#rule, errand.kept)
      const reply = await next(view === undefined ? exchange : derive(exchange, view))
      return this.#take({ exchange, errand, flight }, reply, clock.elapsed() - began)
    } catch (error) {
      this.#crash(flight, errand.key, error)
      throw error
    }
  }

  /** What those get who wait for a run that brought nothing. */
  #crash(flight: Run, key: string, error: unknown): void {
    if (isRefusal(error)) this.#keeping.pass(key, 'refused')
    // That nobody waits for this one any more, and a refusal of one request, are no answer to the others.
    if (error instanceof ClientGoneError || error instanceof AlreadyAnsweredError || isRefusal(error))
      this.#land(flight, undefined)
    else {
      this.#slots.end(flight)
      flight.fail(error)
    }
  }

  #land(flight: Run, kept: Kept | undefined): void {
    this.#slots.end(flight)
    flight.answer(kept)
  }

  #take(trip: Trip, reply: Reply, cost: number): Reply {
    const { exchange, errand, flight } = trip
    const { browser } = this.#rule
    if (browser !== undefined && reply.status === 200 && reply.body instanceof Uint8Array) {
      identify(reply.headers, reply.body)
    }
    const assessed = this.#assess(exchange, reply)
    const old = errand.kept && pageOf(errand.kept.value)
    if (reply.status === 304 && old?.kind === 'reply')
      return this.#validated(trip, reply, old, assessed, cost)
    const how: How = { fwd: errand.why, ...(errand.kept && { fwdStatus: reply.status }) }
    const hasFallback =
      old?.kind === 'reply' && errand.kept && servesInstead(old, errand.kept.freshUntil, false, this.#now)
    // A failure does not take the place of what may be served instead, though it says that it may be kept.
    if (isKeepable(assessed) && !(failed(reply) && hasFallback)) {
      this.#gather(trip, reply, cost, (goods) => this.#keeping.keep(trip, reply, assessed, goods).shared)
      return this.#conditional(exchange, this.#forward(reply, { ...how, stored: true }))
    }
    const why = assessed.verdict.keep ? 'stale-if-error' : assessed.verdict.why
    // A failure is not kept, but those who wait get it too, instead of asking a handler that is down one after another.
    if (failed(reply) && assessed.isShareable && isFor(errand, assessed, exchange)) {
      this.#gather(trip, reply, cost, (goods) => this.#keeping.unkept(trip, reply, assessed, goods))
    } else {
      // A failure does not take the place of what may be served instead.
      if (!(failed(reply) && errand.kept)) this.#keeping.pass(errand.key, why)
      this.#land(flight, undefined)
    }
    return this.#forward(reply, { ...how, detail: why })
  }

  /** Lets the body pass, and lands with what `make` makes of it. */
  #gather(
    { exchange, errand, flight }: Trip,
    reply: Reply,
    cost: number,
    make: (goods: Goods) => Kept | undefined,
  ): void {
    const came = this.#now
    const told = Number(reply.headers.get('content-length') ?? 0)
    // Whatever becomes of the body, the run ends with the exchange.
    void exchange.done.then(() => this.#land(flight, undefined))
    void tap(reply, this.#rule.maxBodySize).then((bytes) => {
      // A body that is shorter than it was said to be has broken off (RFC 9111 section 3.3).
      if (bytes !== undefined && !(bytes.byteLength < told)) {
        this.#land(flight, make({ body: ownCopy(bytes), came, cost }))
        return
      }
      if (!exchange.signal.aborted)
        this.#keeping.pass(errand.key, bytes === undefined ? 'size' : 'incomplete')
      this.#land(flight, undefined)
    })
  }

  /** A reply that the client has already. A stream goes out whole: somebody has to read it to its end. */
  #conditional(exchange: Exchange, reply: Reply): Reply {
    if (reply.status !== 200 || !(reply.body instanceof Uint8Array)) return reply
    return hasAlready(exchange, reply.headers, this.#now)
      ? notModified({ ...reply, headers: reply.headers.clone() })
      : reply
  }

  /** The handler says that what is kept is still right. */
  #validated(trip: Trip, reply: Reply, old: StoredReply, { fields }: Assessed, cost: number): Reply {
    const { exchange, flight } = trip
    if (!isAbout(old, reply.headers)) return this.#contradicted(trip, old)
    const headers = new HeaderMap(updatedFields(old.fields, fields))
    takeTimes(headers, reply.headers)
    const whole = { status: old.status, headers, body: old.body }
    const assessed = this.#assess(exchange, whole)
    const goods = { body: old.body, came: this.#now, cost }
    const stored = isKeepable(assessed)
    const { kept, shared } = stored
      ? this.#keeping.keep(trip, whole, assessed, goods)
      : { kept: this.#keeping.unkept(trip, whole, assessed, goods), shared: undefined }
    this.#land(flight, shared)
    const page = pageOf(kept.value)
    if (page?.kind !== 'reply') return reply
    return answerFrom(kept, page, exchange, this.#now, this.manner, { fwd: 'stale', fwdStatus: 304, stored })
  }

  /** The handler says that something else than what is kept is still right: that is for this client alone, and not kept on. */
  #contradicted({ exchange, errand, flight }: Trip, old: StoredReply): Reply {
    void this.#house.forget(errand.page)
    this.#land(flight, undefined)
    const kept = this.#slots.entry(flight, { value: old, freshUntil: this.#now, staleUntil: this.#now })
    return answerFrom(kept, old, exchange, this.#now, this.manner, { fwd: 'stale', fwdStatus: 304 })
  }

  #assess(exchange: Exchange, reply: Reply): Assessed {
    return assess(exchange, reply, this.#rule, this.#house, speechOf(exchange.native), this.#now)
  }

  #forward(reply: Reply, how: How): Reply {
    return forwarded(reply, this.manner, how, this.#now)
  }

  get #now(): number {
    return this.#site.clock.now()
  }
}

/** When what is kept was last known to hold: as the answer says, or now. */
const takeTimes = (fields: HeaderMap, news: HeaderMap): void => {
  if (!news.has('date')) fields.delete('Date')
  const age = news.get('age')
  if (age !== undefined) fields.set('Age', age)
}

/** Whether a 304 is about what is kept (RFC 9111 section 4.3.4). */
const isAbout = ({ fields }: StoredReply, news: HeaderMap): boolean => {
  const stored = new HeaderMap(fields)
  const told = parseEntityTag(news.get('etag'))
  if (told === undefined) return true
  const known = parseEntityTag(stored.get('etag'))
  if (known !== undefined) return sameWeakly(told, known)
  const modified = news.get('last-modified')
  return modified !== undefined && modified === stored.get('last-modified')
}

/** Whether a reply is for all who asked for the same, and not only for those who agree in what it varies by, too. */
const isFor = ({ key, first }: Errand, { varies }: Assessed, { headers }: Exchange): boolean =>
  key === (varies.length === 0 ? first : variantKey(first, varies, headers))

/** Whether a `HEAD` is about what is kept (RFC 9111 section 4.3.5). */
const isSameRepresentation = ({ status, fields }: StoredReply, news: HeaderMap): boolean => {
  if (status !== 200) return false
  const stored = new HeaderMap(fields)
  return ['etag', 'last-modified', 'content-length'].every((name) => {
    const told = news.get(name)
    return told === undefined || told === stored.get(name)
  })
}

/** Whether a thrown error refuses this one request (`ctx.throw(404)`), rather than failing at the work. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
