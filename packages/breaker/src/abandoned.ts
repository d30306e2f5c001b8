import type { Kind } from './strategy.ts'

/** Whether nobody waits for the output any more. */
export const isAbandoned = <I>(kind: Kind<I>, input: I): boolean => {
  let abandoned = false
  const end = kind.watch(input, () => {
    abandoned = true
  })
  end()
  return abandoned
}
