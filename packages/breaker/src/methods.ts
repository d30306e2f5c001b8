/** What may be done twice (RFC 9110 section 9.2.2), and QUERY (draft-ietf-httpbis-safe-method-w-body). */
export const idempotentMethods: readonly string[] = [
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'QUERY',
]
