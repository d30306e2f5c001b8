/** A target in origin-form: a path of segments, none of them empty but the last, and a query. */
const target = /^(?:\/[\w\-.~!$&'()*+,;=:@%]+)*\/?(?:\?[\w\-.~!$&'()*+,;=:@%/?[\]|^`{}"<>]*)?$/

/** Encoded characters that software does not agree on when it looks for segments: slashes, dots, controls. */
const disputed = /%(?:2f|5c|2e|[01][\da-f]|7f)/i

const malformed = /%(?![\da-f]{2})/i

/**
 * One spelling of a path of this app, for comparing: decoded, and in lower case.
 *
 * @param url path and query
 * @returns undefined when it is no such path, or one that another reader could take for another
 */
export const canonicalPath = (url: string): string | undefined => {
  if (!url.startsWith('/') || !target.test(url)) return undefined
  const [path = ''] = url.split('?', 1)
  if (disputed.test(path) || malformed.test(path)) return undefined
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) return undefined
  try {
    const decoded = decodeURIComponent(path).toLowerCase()
    return decoded.length > 1 && decoded.endsWith('/') ? decoded.slice(0, -1) : decoded
  } catch {
    return undefined
  }
}

/** Whether one path is the other, or below it. Both canonical. */
export const isWithin = (path: string, above: string): boolean =>
  above === '/' || path === above || path.startsWith(`${above}/`)
