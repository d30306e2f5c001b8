/** The source of a regular expression for a token (RFC 9110 section 5.6.2): names, and values that need no quotes. */
export const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

/** The source of a regular expression for a quoted-string (RFC 9110 section 5.6.4); its first group is what is quoted. */
export const quotedString: string = String.raw`"((?:[^"\\]|\\.)*)"`
