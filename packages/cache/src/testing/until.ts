/** Until it holds. What never does is for the test runner to end: a contract knows no time. */
export const until = async (holds: () => boolean): Promise<void> => {
  do await new Promise((resolve) => setImmediate(resolve))
  while (!holds())
}
