import { pathOf, type Question } from '@millrace/core'
import type { Slots } from '../engine/slots.ts'
import { bypassReason } from './asking.ts'
import { type KeyTerms, pageKey } from './key.ts'
import type { Rule } from './rule.ts'
import { pageOf } from './stored.ts'

/** What the cache would do with a request, for an operator. */
export const explainCache = (
  rule: Rule,
  question: Question,
  slots: Slots | undefined,
  now: number,
): string[] => {
  const { method, headers } = question
  const around = bypassReason({ method, headers }, rule)
  if (around === 'method' && method !== 'GET')
    return [`goes around (${around}), and forgets what is kept when it succeeds`]
  if (around !== undefined) return [`goes around: ${around}`]
  return [
    `looked up by ${keyParts(rule).join(', ')}`,
    lifeOf(rule),
    ...windowsOf(rule),
    ...(rule.tags.length === 0
      ? []
      : [
          `found by the tags ${rule.tags.map((tag) => (typeof tag === 'string' ? tag : 'a function')).join(', ')}`,
        ]),
    ...(rule.prefetch ? ['what is likely to be asked for next is brought ahead'] : []),
    ...(slots === undefined ? [] : stateOf(rule, question, slots, now)),
  ]
}

const keyParts = ({ query, selectors, authorization, body }: Rule): string[] => [
  'scheme, host and path',
  query === 'sent'
    ? 'the query'
    : query === 'sorted'
      ? 'the query in order'
      : `of the query ${query.join(', ') || 'nothing'}`,
  ...selectors.map((selector) =>
    selector.by === 'function' ? 'a function' : `${selector.by} ${selector.name}`,
  ),
  ...(authorization === 'key' ? ['authorization'] : []),
  ...(body > 0 ? ['the body of POST and QUERY'] : []),
  'what the reply says in Vary',
]

const lifeOf = ({ ttl }: Rule): string => {
  if (ttl === undefined) return 'fresh for as long as the reply says (RFC 9111)'
  if (typeof ttl === 'number') return `fresh for ${seconds(ttl)}, whatever the reply says`
  if (typeof ttl === 'function') return 'fresh for as long as a function says'
  if ('kind' in ttl)
    return `fresh for ${seconds(ttl.min)} to ${seconds(ttl.max)}, longer while it stays the same`
  return `fresh for ${[...ttl].map(([what, time]) => `${seconds(time)} (${what})`).join(', ')}`
}

const windowsOf = ({ swr, staleIfError }: Rule): string[] => [
  ...(swr === undefined ? [] : [`then served for ${seconds(swr)} while it is brought anew`]),
  ...(staleIfError === undefined ? [] : [`then served for ${seconds(staleIfError)} when the handler fails`]),
]

const seconds = (time: number): string => (time === Number.POSITIVE_INFINITY ? 'ever' : `${time / 1000} s`)

/** Of a key that only a running request can tell, nothing. */
const stateOf = (rule: Rule, question: Question, slots: Slots, now: number): string[] => {
  const kept = ['http', 'https'].flatMap((scheme) => {
    const asked = { scheme, headers: question.headers, url: question.target, path: pathOf(question.target) }
    const key = pageKey(asked, rule.query)
    const entry = key === undefined || !isPlain(rule) ? undefined : slots.near(key)
    const page = entry && pageOf(entry.value)
    if (entry === undefined || page === undefined || slots.standing(entry) === 'gone') return []
    const left = Math.ceil((entry.freshUntil - now) / 1000)
    if (page.kind === 'reply')
      return [`kept here: ${page.status}, ${page.body.byteLength} bytes, fresh for ${left} s`]
    if (page.kind === 'pass') return [`not kept lately: ${page.why}`]
    return page.kind === 'vary' ? [`kept here in variants by ${page.names.join(', ')}`] : []
  })
  return kept.length === 0 && isPlain(rule) ? ['nothing is kept here'] : kept
}

const isPlain = ({ selectors, authorization }: KeyTerms): boolean =>
  selectors.length === 0 && authorization !== 'key'
