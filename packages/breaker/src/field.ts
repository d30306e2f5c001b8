/** The name of a field (RFC 9110 section 5.1). */
export const fieldName: RegExp = /^[!#$%&'*+.^_`|~\w-]+$/

/** The value of one (RFC 9110 section 5.5), as Node's `http` sends it. */
export const fieldValue: RegExp = /^[\t\x20-\x7e\x80-\xff]*$/
