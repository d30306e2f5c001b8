import {
  ClientGoneError,
  DeadlineError,
  type Exchange,
  failed,
  type Handler,
  type Layer,
  type Reply,
  ready,
  type Site,
  within,
} from '@millrace/core'
import type { Flight } from '../engine/flight.ts'
import type { Kept } from '../engine/kept.ts'
import type { Slots } from '../engine/slots.ts'
import { servesInstead, servesWhile } from '../policy.ts'
import { answersGet } from './adoption.ts'
import { Ahead, type Became, failedBy, longest } from './ahead.ts'
import { answerFrom, forwarded, type How } from './answer.ts'
import { bypassReason, refusesStored } from './asking.ts'
import { Bringing } from './bringing.ts'
import { complain } from './complaint.ts'
import { offerEncodings } from './encodings.ts'
import type { Errand } from './errand.ts'
import { foresee } from './foresee.ts'
import type { House } from './house.ts'
import { invalidate, purgeBy } from './invalidate.ts'
import { contentKey, keyOf, pageKey, variantKey } from './key.ts'
import { languageOf, languagePlace, wantedLanguage } from './language.ts'
import { Parts } from './parts.ts'
import { Refresh, refresh } from './refresh.ts'
import { hasFunction, type Rule } from './rule.ts'
import { pageOf, type StoredReply } from './stored.ts'

/** What is kept for a request, where something is. */
interface Seen {
  /** Of the page with what the rule names, or of the variant of it that the request asks for. */
  readonly key: string
  readonly kept: Kept | undefined
  readonly stored: StoredReply | undefined
  /** Why nobody is to wait for another one's reply; undefined where they may. */
  readonly passes: string | undefined
  readonly why: 'uri-miss' | 'vary-miss'
  /** What the page's replies vary by, as far as that is known. */
  readonly names: readonly string[]
}

/** What is there and not fresh any more. */
interface Old {
  readonly key: string
  readonly kept: Kept
  readonly stored: StoredReply
}

type Next = Handler<Exchange, Reply>

/** The cache in front of one handler, by one rule. */
export const responseCache = (rule: Rule, site: Site, house: House): Layer<Exchange, Reply> => {
  const { clock } = site
  const slots: Slots = house.slotsOf(rule, clock)
  const bringing = new Bringing(rule, site, house, slots)
  const { manner } = bringing
  const learner = rule.prefetch ? house.learnerOf(slots) : undefined
  const parts = new Parts(rule, site, house, slots, manner)

  return function cache(exchange, next) {
    const { synthetic } = exchange
    if (synthetic instanceof Refresh && synthetic.house === house)
      return isFor(synthetic, exchange) ? bringing.again(synthetic, exchange, next) : next(exchange)
    if (exchange.method === 'PURGE' && house.authorizePurge) return purgeBy(exchange, house, rule)
    const around = bypassReason(exchange, rule)
    if (around !== undefined) return goAround(exchange, next, around)
    const page = pageKey(exchange, rule.query)
    if (page === undefined) return goAround(exchange, next, 'key')
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return byContent(exchange, next, page)
    const key = keyFor(page, exchange)
    if (key === undefined) return goAround(exchange, next, 'key')
    const cause = synthetic && ownAhead(exchange)
    if (cause) return ahead(cause, exchange, next, page, key)
    const now = clock.now()
    const kept = nearest(exchange, key, now)
    const stored = kept && pageOf(kept.value)
    if (kept === undefined || stored?.kind !== 'reply' || !isPlainHit(exchange, kept, stored, now)) {
      return find(exchange, next, page, key)
    }
    slots.served(key, kept)
    house.count(exchange, 'hit', key, stored.bornAt)
    return ready(answerFrom(kept, stored, exchange, now, manner))
  }

  /** Whether a function of the rule's takes the cache's own request for what it stands for. */
  function isFor({ errand }: Refresh, exchange: Exchange): boolean {
    return !hasFunction(rule) || exchange.method !== 'GET' || keyFor(errand.page, exchange) === errand.first
  }

  /** Undefined where there is none: it would be too long, or a function of the rule's fails. */
  function keyFor(page: string, exchange: Exchange, content?: string): string | undefined {
    try {
      return keyOf(page, exchange, rule, content)
    } catch (error) {
      complain(rule, 'vary', exchange.route, error)
      return undefined
    }
  }

  /** What memory has, through the index where the page varies. */
  function nearest(exchange: Exchange, key: string, now: number): Kept | undefined {
    const kept = slots.near(key)
    const found = kept && pageOf(kept.value)
    if (found?.kind !== 'vary' || kept === undefined || slots.standing(kept, now) !== 'fresh') return kept
    return slots.near(variantKey(key, found.names, exchange.headers))
  }

  function isPlainHit(exchange: Exchange, kept: Kept, stored: StoredReply, now: number): boolean {
    if (learner !== undefined || slots.standing(kept, now) !== 'fresh' || now >= kept.eagerAt) return false
    return !rule.clientControl || !refusesStored(exchange, kept, stored, now)
  }

  async function goAround(exchange: Exchange, next: Next, why: string): Promise<Reply> {
    house.count(exchange, 'bypass')
    ownAhead(exchange)?.reach(() => ({ outcome: 'refused', why }))
    const reply = await next(exchange)
    if (why !== 'method') return forwarded(reply, manner, { fwd: 'bypass', detail: why }, clock.now())
    await invalidate(exchange, reply, house, rule)
    const page = answersGet(exchange, reply, rule) ? pageKey(exchange, rule.query) : undefined
    const key = page === undefined ? undefined : keyFor(page, exchange)
    const stored = page !== undefined && key !== undefined && bringing.adopt(exchange, reply, page, key)
    return forwarded(reply, manner, { fwd: 'method', stored }, clock.now())
  }

  async function byContent(exchange: Exchange, next: Next, page: string): Promise<Reply> {
    const content = await exchange.content(rule.body)
    const key = content && keyFor(page, exchange, contentKey(exchange, content))
    return key === undefined ? goAround(exchange, next, 'content') : find(exchange, next, page, key)
  }

  function ownAhead({ synthetic }: Exchange): Ahead | undefined {
    return synthetic instanceof Ahead && synthetic.house === house ? synthetic : undefined
  }

  /** For nobody: what is there is left alone, and what comes is looked for when it has been read. */
  async function ahead(
    cause: Ahead,
    exchange: Exchange,
    next: Next,
    page: string,
    first: string,
  ): Promise<Reply> {
    const { kept, stored } = await look(exchange, first)
    if (kept && stored && slots.standing(kept) === 'fresh') {
      cause.reach(() => ({ outcome: 'fresh', freshUntil: kept.freshUntil }))
      return answerFrom(kept, stored, exchange, clock.now(), manner)
    }
    const before = kept?.createdAt ?? 0
    try {
      const reply = await find(exchange, next, page, first)
      cause.reach(() => (failed(reply) ? failedBy(reply) : becameOf(exchange, first, before)))
      return reply
    } catch (error) {
      cause.reach(() => Promise.reject(error))
      throw error
    }
  }

  async function becameOf(exchange: Exchange, first: string, before: number): Promise<Became> {
    const { key } = await look(exchange, first)
    // What has been read is kept a turn later.
    await slots.run(key)?.join()
    const { kept, passes } = await look(exchange, first)
    return kept !== undefined && kept.createdAt > before
      ? { outcome: 'stored', freshUntil: kept.freshUntil }
      : { outcome: 'refused', why: passes }
  }

  /** @param first the key with what the rule names */
  async function find(exchange: Exchange, next: Next, page: string, first: string): Promise<Reply> {
    // One deadline however many runs it waits for.
    const until = clock.elapsed() + rule.wait
    // A request that a cache further out makes by itself cannot make another one: it goes to the handler.
    const mayRefresh = exchange.synthetic === undefined
    let isRefreshed = false
    for (let isFirst = true; ; isFirst = false) {
      const seen = await look(exchange, first)
      if (isFirst && learner !== undefined && seen.passes === undefined)
        foresee(exchange, first, seen.names, learner, rule, house, clock)
      const { key, kept, stored, why } = seen
      const errand: Errand = { key, first, page, kept, why: kept ? 'stale' : why }
      const standing = kept && slots.standing(kept)
      const now = clock.now()
      const isRefused =
        rule.clientControl && kept !== undefined && stored && refusesStored(exchange, kept, stored, now)
      if (kept && stored && standing === 'fresh' && !isRefused) {
        if (mayRefresh && now >= kept.eagerAt && now >= kept.retryAt) renew(exchange, errand, seen)
        offerEncodings(slots, key, kept)
        slots.served(key, kept)
        house.count(exchange, 'hit', key, stored.bornAt)
        return answerFrom(kept, stored, exchange, now, manner)
      }
      const old =
        kept && stored && (standing === 'stale' || standing === 'expired') ? { key, kept, stored } : undefined
      const mayPass = mayRefresh && standing === 'stale' && !isRefused
      if (old && mayPass && servesWhile(old.stored, old.kept.freshUntil, now)) {
        if (now >= old.kept.retryAt) renew(exchange, errand, seen)
        return stale(exchange, old, { hit: true, detail: 'stale-while-revalidate' })
      }
      const mayStay = old && servesInstead(old.stored, old.kept.freshUntil, standing === 'expired', now)
      const underway = slots.run(key)
      if (mayStay && underway === undefined && now < old.kept.retryAt) {
        return stale(exchange, old, { fwd: 'stale', detail: 'error-throttle' })
      }
      const fallback = mayStay && mayRefresh && !isRefreshed ? old : undefined
      if (fallback === undefined) {
        if (exchange.method === 'HEAD') return bringing.head(exchange, next, errand)
        if (parts.isFor(exchange)) return parts.answer(exchange, next, errand)
        if (exchange.headers['range'] !== undefined) return bringing.alone(exchange, next, errand)
      }
      const flight = underway ?? (fallback && renew(exchange, errand, seen))
      // What one brings may be kept again, though nobody waits for it.
      if (flight === undefined) return bringing.lead(exchange, next, errand)
      if (seen.passes !== undefined) return bringing.alone(exchange, next, errand)
      if (fallback) {
        const reply = await orStale(exchange, flight, fallback)
        if (reply !== undefined) return reply
        isRefreshed = true
        continue
      }
      const brought = await patiently(flight, until - clock.elapsed())
      if (brought === 'alone') {
        // Who comes from now on does not wait for what may never end: a handler that hangs, a client that does not read.
        slots.leave(flight)
        return bringing.alone(exchange, next, errand)
      }
      const news = brought && pageOf(brought.value)
      if (brought === undefined || news?.kind !== 'reply') continue
      house.count(exchange, 'coalesced', key, news.bornAt, bringing.whoRuns(flight))
      return answerFrom(brought, news, exchange, clock.now(), manner, { fwd: why, collapsed: true })
    }
  }

  /** What is there, through the index where the page varies. */
  async function look(exchange: Exchange, first: string): Promise<Seen> {
    const kept = await slots.find(first)
    const found = kept && pageOf(kept.value)
    if (found?.kind !== 'vary') return seenAs(first, kept, 'uri-miss', [])
    const { names } = found
    const key = variantKey(first, names, exchange.headers)
    const own = await slots.find(key)
    const other = isFresh(own) ? undefined : await inLanguage(exchange, first, names)
    return other ?? seenAs(key, own, 'vary-miss', names)
  }

  function isFresh(kept: Kept | undefined): boolean {
    return kept !== undefined && slots.standing(kept) === 'fresh'
  }

  /** A variant that was for another request, in the language that this one wants most. */
  async function inLanguage(
    exchange: Exchange,
    first: string,
    names: readonly string[],
  ): Promise<Seen | undefined> {
    const language = wantedLanguage(names, exchange.headers)
    const place = languagePlace(first, names, exchange.headers, language)
    const noted = place === undefined ? undefined : await slots.find(place)
    const note = noted && pageOf(noted.value)
    if (note?.kind !== 'language') return undefined
    const kept = await slots.find(note.key)
    const seen = seenAs(note.key, kept, 'vary-miss', names)
    // It may be in another one by now.
    return isFresh(kept) && seen.stored && languageOf(seen.stored.fields) === language ? seen : undefined
  }

  function seenAs(key: string, kept: Kept | undefined, why: Seen['why'], names: readonly string[]): Seen {
    const found = kept && pageOf(kept.value)
    const stored = found?.kind === 'reply' ? found : undefined
    const passes = found?.kind === 'pass' && isFresh(kept) ? found.why : undefined
    return { key, kept: stored && kept, stored, passes, why, names }
  }

  /** Has it brought anew in the background, once however many ask. */
  function renew(exchange: Exchange, errand: Errand, { key, names }: Seen): Flight<Kept | undefined> {
    const underway = slots.run(key)
    if (underway !== undefined) return underway
    const flight = refresh(exchange, new Refresh(house, slots.start(key), errand), slots, rule, names)
    const timer = clock.after(longest, () => {
      house.abandoned(exchange.route)
      flight.abort(new DeadlineError(`a refresh took over ${longest} ms`))
    })
    const rest = (): void => {
      timer.cancel()
      if (errand.kept) slots.rest(flight, errand.kept, clock.now() + rule.errorThrottle)
    }
    flight.join().then((brought) => {
      timer.cancel()
      const news = brought && pageOf(brought.value)
      if (news?.kind !== 'reply' || failed(news)) rest()
    }, rest)
    return flight
  }

  function stale(exchange: Exchange, { key, kept, stored }: Old, how: How): Reply {
    house.count(exchange, 'stale', key, stored.bornAt)
    return answerFrom(kept, stored, exchange, clock.now(), manner, how)
  }

  /** What a run brings, or what is there already when it fails or takes long; undefined to look again. */
  async function orStale(
    exchange: Exchange,
    flight: Flight<Kept | undefined>,
    old: Old,
  ): Promise<Reply | undefined> {
    let brought: Kept | undefined
    try {
      brought = await within(clock, rule.softTimeout, flight.join(), 'the handler takes long')
    } catch (error) {
      const detail = error instanceof DeadlineError ? 'soft-timeout' : 'stale-if-error'
      return stale(exchange, old, { fwd: 'stale', detail })
    }
    const news = brought && pageOf(brought.value)
    // What it brought is not to be kept; this request has to ask for itself.
    if (brought === undefined || news?.kind !== 'reply') return undefined
    if (failed(news))
      return stale(exchange, old, { fwd: 'stale', fwdStatus: news.status, detail: 'stale-if-error' })
    house.count(exchange, 'miss', old.key, news.bornAt, bringing.whoRuns(flight))
    return answerFrom(brought, news, exchange, clock.now(), manner, {
      fwd: 'stale',
      fwdStatus: news.status,
      stored: true,
    })
  }

  async function patiently(
    flight: Flight<Kept | undefined>,
    wait: number,
  ): Promise<Kept | undefined | 'alone'> {
    try {
      return await within(clock, Math.max(0, wait), flight.join(), 'the request in flight took too long')
    } catch (error) {
      if (error instanceof DeadlineError) return 'alone'
      if (error instanceof ClientGoneError) return undefined
      throw error
    }
  }
}
