import { type Reply, reply } from '@millrace/core'

/** A bare answer for what goes wrong outside any handler (RFC 9457). */
export const problem = (status: number, title: string): Reply =>
  reply(status, { 'content-type': 'application/problem+json' }, JSON.stringify({ title, status }))
