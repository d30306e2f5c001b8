import type { Progress } from '@millrace/batch'

const width = 30

/** One line of a terminal: how far it is, and how long it is going to take. */
export const bar = ({ total, done, failed, size, duration }: Progress): string => {
  const settled = done + failed
  const perSecond = duration > 0 ? Math.round((1000 * settled) / duration) : 0
  const counts = `${settled.toLocaleString('en')} done, ${failed} failed, ${perSecond.toLocaleString('en')}/s, ${size} at once`
  if (total === undefined) return counts
  const share = total === 0 ? 1 : settled / total
  const filled = Math.round(width * share)
  const left = perSecond > 0 ? `, ${Math.ceil((total - settled) / perSecond)} s left` : ''
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${Math.floor(100 * share)} %  ${counts}${left}`
}
