/** Fields of a megabyte, each of one piece again and again, and what a quote in front or behind makes of it. */
export function* hostileFields(pieces: readonly string[]): Generator<string> {
  for (const piece of ['a', ' ', '\t', ',', ';', '=', '"', '\\', '*', '0', '-', ...pieces]) {
    const many = piece.repeat(1_000_000 / piece.length)
    yield many
    yield `"${many}`
    yield `${many}"`
    yield `${many}\u0000`
  }
}
