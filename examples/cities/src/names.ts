/** The words of a text: letters and digits with their accents, as FTS5's unicode61 tokenizer splits them. */
export const words = (text: string): string[] => text.normalize('NFC').match(/[\p{L}\p{N}\p{M}]+/gu) ?? []

/** An FTS5 query: every word of the text begins a word of the name. Quoted, so that no word is an operator. */
export const matching = (text: string): string =>
  words(text)
    .map((word) => `"${word}"*`)
    .join(' ')
