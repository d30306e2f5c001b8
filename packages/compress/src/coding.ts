/** The content codings that Node can make (RFC 9110 section 8.4.1, RFC 7932, RFC 8878), in the order of the default. */
export const codings = ['zstd', 'br', 'gzip', 'deflate'] as const

export type Coding = (typeof codings)[number]

/** Zstandard and Brotli against a dictionary that the client has (RFC 9842 sections 4 and 5), the faster first. */
export const dictionaryCodings = ['dcz', 'dcb'] as const

export type DictionaryCoding = (typeof dictionaryCodings)[number]

/** How much time is given for how few bytes. */
export const levels = ['fast', 'balanced', 'maximum'] as const

export type Level = (typeof levels)[number]

/** What the libraries call their levels. */
export type Quality = Readonly<Record<Coding, number>>

/** Never Brotli's 11, nor what is like it: it takes a hundred times as long for a tenth fewer bytes. */
export const qualities: Readonly<Record<Level, Quality>> = {
  fast: { zstd: 1, br: 1, gzip: 1, deflate: 1 },
  balanced: { zstd: 3, br: 4, gzip: 6, deflate: 6 },
  maximum: { zstd: 12, br: 9, gzip: 9, deflate: 9 },
}
