import { turn } from '@millrace/core'
import { isHashed } from './engine/key.ts'
import type { Space } from './engine/space.ts'
import { pagePart, urlOf } from './response/key.ts'

/** What is to be forgotten. */
export type Purge =
  | {
      /** Path and query, on every host; or with scheme and host. Every variant of it goes. */
      readonly url: string
    }
  | {
      /** The same with `*` for anything within a segment and `**` for anything. Looks at every key. */
      readonly pattern: string
    }
  | { readonly tag: string | readonly string[] }
  /** Everything, results of wrapped calls too. */
  | 'everything'

/** @returns a test of pages' keys */
export const matcherOf = (text: string, isPattern: boolean): ((key: string) => boolean) => {
  const isAbsolute = /^https?:\/\//i.test(text)
  const wanted = isPattern ? patternOf(text) : undefined
  return (key) => {
    const { scheme, host, target } = urlOf(key)
    const url = isAbsolute ? `${scheme}://${host}${target}` : target
    return wanted ? wanted.test(url) : url === text
  }
}

const patternOf = (text: string): RegExp =>
  new RegExp(
    `^${text
      .split(/(\*\*|\*)/)
      .map((part) =>
        part === '**' ? '.*' : part === '*' ? '[^/?]*' : part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'),
      )
      .join('')}$`,
    's',
  )

/** How many keys are looked at before others get a turn. */
const atOnce = 500

/** @returns how many entries were found */
export const purgeMatching = async (
  space: Space,
  running: Iterable<string>,
  matches: (key: string) => boolean,
  forget: (page: string) => Promise<void>,
): Promise<number> => {
  const pages = new Set<string>()
  let found = 0
  let looked = 0
  const look = (key: string): void => {
    if (!key.startsWith('http') || !matches(key)) return
    found++
    pages.add(pagePart(key))
  }
  for (const key of running) look(key)
  for await (const { key, entry } of space) {
    // What is kept under a hash has its page for its last tag.
    look(isHashed(key) ? (entry.tags?.at(-1) ?? key) : key)
    if (++looked % atOnce === 0) await turn()
  }
  await Promise.all([...pages].map(forget))
  return found
}
