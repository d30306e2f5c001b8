import { type Reply, reply } from './reply.ts'

/**
 * A bare answer for what goes wrong outside any handler (RFC 9457).
 *
 * @param title what the status means
 * @param detail what is wrong with this request
 */
export const problem = (status: number, title?: string, detail?: string): Reply =>
  reply(status, { 'content-type': 'application/problem+json' }, JSON.stringify({ title, status, detail }))
