/** RFC 9110 section 8.8.3. */
export interface EntityTag {
  readonly weak: boolean
  /** What stands between the quotes. */
  readonly opaque: string
}

const single = /^(W\/)?"([!#-~\x80-\xff]*)"$/
/** One member of a list, or what is none, up to the next comma. */
const member = /[\t ]*(?:(W\/)?"([!#-~\x80-\xff]*)"[\t ]*)?(?:,|$)|[^,]*(?:,|$)/gy

/** Reads an `ETag` field (RFC 9110 section 8.8.3). @returns undefined when it is absent or malformed */
export const parseEntityTag = (field: string | undefined): EntityTag | undefined => {
  const match = field === undefined ? null : single.exec(field)
  return match ? { weak: match[1] !== undefined, opaque: match[2] ?? '' } : undefined
}

/** Reads `If-Match` or `If-None-Match` (RFC 9110 sections 13.1.1, 13.1.2). Malformed members are left out. */
export const parseEntityTags = (field: string): '*' | readonly EntityTag[] => {
  if (/^[\t ]*\*[\t ]*$/.test(field)) return '*'
  const tags: EntityTag[] = []
  for (const [, weak, opaque] of field.matchAll(member)) {
    if (opaque !== undefined) tags.push({ weak: weak !== undefined, opaque })
  }
  return tags
}

/** Whether both name the same representation, as far as anybody would notice (RFC 9110 section 8.8.3.2). */
export const sameWeakly = (a: EntityTag, b: EntityTag): boolean => a.opaque === b.opaque

/** Whether both name the same bytes: then neither is weak (RFC 9110 section 8.8.3.2). */
export const sameStrongly = (a: EntityTag, b: EntityTag): boolean =>
  !a.weak && !b.weak && a.opaque === b.opaque
