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
import type { Looked } from '../events.ts'
import { servesInstead, servesWhile } from '../policy.ts'
import { answersGet } from './adoption.ts'
import { answerFrom, forwarded, type How } from './answer.ts'
import { bypassReason, refusesStored } from './asking.ts'
import { Bringing } from './bringing.ts'
import { offerEncodings } from './encodings.ts'
import type { Errand } from './errand.ts'
import type { House } from './house.ts'
import { invalidate, purgeBy } from './invalidate.ts'
import { contentKey, keyOf, pageKey, variantKey } from './key.ts'
import { languageOf, languagePlace, wantedLanguage } from './language.ts'
import { Parts } from './parts.ts'
import { Refresh, refresh } from './refresh.ts'
import type { Rule } from './rule.ts'
import { pageOf, type StoredReply } from './stored.ts'

/** What is kept for a request, where something is. */
interface Seen {
  /** Of the page with what the rule names, or of the variant of it that the request asks for. */
  readonly key: string
  readonly kept: Kept | undefined
  readonly stored: StoredReply | undefined
  /** Whether nobody is to wait for another one's reply. */
  readonly passes: boolean
  readonly why: 'uri-miss' | 'vary-miss'
  /** What the page's replies vary by, as far as that is known. */
  readonly names: readonly string[]
}

type Next = Handler<Exchange, Reply>

/** How long a request of the cache's own may take, in milliseconds: it has no client that would leave. */
const longestRefresh = 60_000

/** The cache in front of one handler, by one rule. */
export const responseCache = (rule: Rule, site: Site, house: House): Layer<Exchange, Reply> => {
  const { clock } = site
  const slots: Slots = house.slotsOf(rule, clock)
  const bringing = new Bringing(rule, site, house, slots)
  const { manner } = bringing
  const parts = new Parts(rule, site, house, slots, manner)

  return function cache(exchange, next) {
    const { synthetic } = exchange
    if (synthetic instanceof Refresh && synthetic.house === house)
      return bringing.again(synthetic, exchange, next)
    if (exchange.method === 'PURGE' && house.authorizePurge) return purgeBy(exchange, house, rule)
    const around = bypassReason(exchange, rule)
    if (around !== undefined) return goAround(exchange, next, around)
    const page = pageKey(exchange, rule.query)
    if (page === undefined) return goAround(exchange, next, 'key')
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return byContent(exchange, next, page)
    let key: string | undefined
    try {
      key = keyOf(page, exchange, rule)
    } catch (error) {
      return Promise.reject(error)
    }
    if (key === undefined) return goAround(exchange, next, 'key')
    const now = clock.now()
    const kept = nearest(exchange, key, now)
    const stored = kept && pageOf(kept.value)
    if (kept === undefined || stored?.kind !== 'reply' || !isPlainHit(exchange, kept, stored, now)) {
      return find(exchange, next, page, key)
    }
    slots.served(key, kept)
    count(exchange, 'hit')
    return ready(answerFrom(kept, stored, exchange, now, manner))
  }

  /** What memory has, through the index where the page varies. */
  function nearest(exchange: Exchange, key: string, now: number): Kept | undefined {
    const kept = slots.near(key)
    const found = kept && pageOf(kept.value)
    if (found?.kind !== 'vary' || kept === undefined || slots.standing(kept, now) !== 'fresh') return kept
    return slots.near(variantKey(key, found.names, exchange.headers))
  }

  function isPlainHit(exchange: Exchange, kept: Kept, stored: StoredReply, now: number): boolean {
    if (slots.standing(kept, now) !== 'fresh' || now >= kept.eagerAt) return false
    return !rule.clientControl || !refusesStored(exchange, kept, stored, now)
  }

  function count(exchange: Exchange, outcome: Looked['outcome']): void {
    house.count(exchange, outcome)
  }

  async function goAround(exchange: Exchange, next: Next, why: string): Promise<Reply> {
    count(exchange, 'bypass')
    const reply = await next(exchange)
    if (why !== 'method') return forwarded(reply, manner, { fwd: 'bypass', detail: why }, clock.now())
    await invalidate(exchange, reply, house, rule)
    const page = answersGet(exchange, reply, rule) ? pageKey(exchange, rule.query) : undefined
    const stored = page !== undefined && bringing.adopt(exchange, reply, page)
    return forwarded(reply, manner, { fwd: 'method', stored }, clock.now())
  }

  async function byContent(exchange: Exchange, next: Next, page: string): Promise<Reply> {
    const content = await exchange.content(rule.body)
    const key = content && keyOf(page, exchange, rule, contentKey(exchange, content))
    return key === undefined ? goAround(exchange, next, 'content') : find(exchange, next, page, key)
  }

  /** @param first the key with what the rule names */
  async function find(exchange: Exchange, next: Next, page: string, first: string): Promise<Reply> {
    // One deadline however many runs it waits for.
    const until = clock.elapsed() + rule.wait
    // A request that a cache further out makes by itself cannot make another one: it goes to the handler.
    const mayRefresh = exchange.synthetic === undefined
    let isRefreshed = false
    for (;;) {
      const seen = await look(exchange, first)
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
        count(exchange, 'hit')
        return answerFrom(kept, stored, exchange, now, manner)
      }
      if (exchange.method === 'HEAD') return bringing.head(exchange, next, errand)
      if (parts.isFor(exchange)) return parts.answer(exchange, next, errand)
      if (exchange.headers['range'] !== undefined) return bringing.alone(exchange, next, errand)
      const old =
        kept && stored && (standing === 'stale' || standing === 'expired') ? { kept, stored } : undefined
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
      const flight = underway ?? (fallback && renew(exchange, errand, seen))
      // What one brings may be kept again, though nobody waits for it.
      if (flight === undefined) return bringing.lead(exchange, next, errand)
      if (seen.passes) return bringing.alone(exchange, next, errand)
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
      count(exchange, 'coalesced')
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
    const passes = found?.kind === 'pass' && isFresh(kept)
    return { key, kept: stored && kept, stored, passes, why, names }
  }

  /** Has it brought anew in the background, once however many ask. */
  function renew(exchange: Exchange, errand: Errand, { key, names }: Seen): Flight<Kept | undefined> {
    const underway = slots.run(key)
    if (underway !== undefined) return underway
    const flight = refresh(exchange, new Refresh(house, slots.start(key), errand), slots, rule, names)
    const timer = clock.after(longestRefresh, () => {
      flight.abort(new DeadlineError(`a refresh took over ${longestRefresh} ms`))
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

  function stale(exchange: Exchange, { kept, stored }: { kept: Kept; stored: StoredReply }, how: How): Reply {
    count(exchange, 'stale')
    return answerFrom(kept, stored, exchange, clock.now(), manner, how)
  }

  /** What a run brings, or what is there already when it fails or takes long; undefined to look again. */
  async function orStale(
    exchange: Exchange,
    flight: Flight<Kept | undefined>,
    old: { kept: Kept; stored: StoredReply },
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
    count(exchange, 'miss')
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
