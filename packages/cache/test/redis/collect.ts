/** Everything that comes, sorted. */
export const collect = async (source: AsyncIterable<string>): Promise<string[]> => {
  const all: string[] = []
  for await (const one of source) all.push(one)
  return all.sort()
}
