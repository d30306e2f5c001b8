import { type Exchange, failed, HeaderMap, parseVary, type Reply } from '@millrace/core'
import type { Adaptive } from '../engine/adaptive.ts'
import { isSound, type Keep, type Refusal, verdict } from '../policy.ts'
import { complain } from './complaint.ts'
import type { House } from './house.ts'
import { names as namesStatus, type Rule, wordOf } from './rule.ts'
import type { Speech } from './speech.ts'
import { keptFields, unsharedNames } from './stored.ts'
import { tagsOf } from './tags.ts'
import { type Terms, termsOf } from './terms.ts'

/** What the head of a reply tells. */
interface Facets {
  readonly terms: Terms
  /** Where the operator's time follows the changes. */
  readonly adaptive: Adaptive | undefined
  /** The handler's own fields, as they would be kept. */
  readonly fields: string[]
  /** What the reply varies by that is not in the key already. */
  readonly varies: readonly string[]
  /** Whether a failure may be told to others who asked for the same. */
  readonly isShareable: boolean
}

/** One that may be kept. */
export interface Keepable extends Facets {
  readonly verdict: Keep
  readonly tags: readonly string[]
}

/** One that may not. */
export interface Refused extends Facets {
  readonly verdict: Refusal
}

export type Assessed = Keepable | Refused

export const isKeepable = (assessed: Assessed): assessed is Keepable => assessed.verdict.keep

const mostVaried = 16

/**
 * A reply for which a function of the rule's fails is a good one, and not kept.
 *
 * @param now when the reply's head came
 */
export const assess = (
  exchange: Exchange,
  reply: Reply,
  rule: Rule,
  { targets }: House,
  speech: Speech | undefined,
  now: number,
): Assessed => {
  const { status, headers } = reply
  const terms = termsOf(status, headers, targets, now)
  const { says } = terms
  const fields = keptFields(
    headers,
    exchange.preset,
    unsharedNames(says.get('private'), says.get('no-cache')),
  )
  const refused = (option: 'ttl' | 'tags', error: unknown): Refusal => {
    complain(rule, option, exchange.route, error)
    return { keep: false, why: 'rule' }
  }
  let broken: Refusal | undefined
  let spoken: number | Adaptive | undefined
  try {
    if (isSound(status) || namesStatus(rule, status)) spoken = wordOf(rule, reply, exchange)
  } catch (error) {
    broken = refused('ttl', error)
  }
  // Who said a time and failed after that did not mean the failure.
  const life = failed(reply) ? undefined : speech?.life
  const adaptive = life === undefined && typeof spoken === 'object' ? spoken : undefined
  const facts = { status, headers, terms, authorized: exchange.headers['authorization'] !== undefined }
  const word = {
    ttl: life ?? (typeof spoken === 'object' ? spoken.min : spoken),
    swr: rule.swr,
    staleIfError: rule.staleIfError,
    authorizationIsSafe: rule.authorization !== undefined,
  }
  const varies = variesBy(fields, rule)
  const asked =
    speech?.skipped === true
      ? { keep: false as const, why: 'skip' }
      : varies === undefined
        ? { keep: false as const, why: 'vary' }
        : isLarger(reply, rule.maxBodySize)
          ? { keep: false as const, why: 'size' }
          : (broken ?? verdict(facts, word))
  const facets: Facets = {
    terms,
    adaptive,
    fields,
    varies: varies ?? [],
    isShareable: varies !== undefined && verdict(facts, { ...word, ttl: 1 }).keep,
  }
  if (!asked.keep) return { ...facets, verdict: asked }
  try {
    return { ...facets, verdict: asked, tags: tagsOf(rule.tags, exchange, reply, speech) }
  } catch (error) {
    return { ...facets, verdict: refused('tags', error) }
  }
}

/** Undefined when nothing that is kept could ever be the answer to another request (RFC 9111 section 4.1). */
const variesBy = (fields: readonly string[], { selectors }: Rule): readonly string[] | undefined => {
  const headers = new HeaderMap(fields)
  const varies = parseVary(headers.get('vary'))
  if (varies === '*') return undefined
  // What is encoded is for those who can read it, whether the handler says so or not.
  const names = headers.has('content-encoding') ? [...new Set([...varies, 'accept-encoding'])].sort() : varies
  const others = names.filter((name) => !selectors.some((one) => one.by === 'field' && one.name === name))
  return others.length > mostVaried ? undefined : others
}

/** Whether it is known already that the body is larger; of a stream of no told length it is not. */
const isLarger = ({ body, headers }: Reply, limit: number): boolean =>
  body instanceof Uint8Array ? body.byteLength > limit : Number(headers.get('content-length') ?? 0) > limit
