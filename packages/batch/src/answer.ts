import { HeaderMap, type Reply, reply } from '@millrace/core'

/**
 * What a handler has put in a request's place, as that request's own reply: a reply that stands in several places is
 * changed further out for each of them.
 *
 * @throws TypeError when it cannot be sent as JSON
 */
export const replyOf = (answer: unknown): Reply => {
  if (isReply(answer)) return { ...answer, headers: new HeaderMap(answer.headers.raw) }
  const text: string | undefined = JSON.stringify(answer)
  if (text === undefined)
    throw new TypeError(`a batch's handler answered with a ${typeof answer}, which is no reply and no JSON`)
  return reply(200, { 'content-type': 'application/json; charset=utf-8' }, text)
}

const isReply = (answer: unknown): answer is Reply =>
  typeof answer === 'object' &&
  answer !== null &&
  'status' in answer &&
  'headers' in answer &&
  answer.headers instanceof HeaderMap &&
  'body' in answer
