const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** The status by a result, or by an error: its own, as `status` or `statusCode`, or that of the `response` in it. */
export const statusOf = (outcome: unknown): number | undefined => {
  if (!isObject(outcome)) return undefined
  const { status, statusCode, response } = outcome
  const said =
    status ?? statusCode ?? (isObject(response) ? (response['status'] ?? response['statusCode']) : undefined)
  return typeof said === 'number' ? said : undefined
}
