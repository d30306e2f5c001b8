import { createServer } from 'node:http'
import { mount } from '@millrace/express'
import apicache from 'apicache'
import compression from 'compression'
import type { Contender, Group, RequestFields } from '../overhead/group.ts'
import { caching, onExpress, path } from './apps.ts'
import type { Content } from './content.ts'

/** What is cached, for clients that take the plain body and for those that take gzip. */
export const hits = (title: string, content: Content): Group => {
  const contender = (
    label: string,
    headers: RequestFields,
    make: () => ReturnType<typeof onExpress>,
  ): Contender => ({
    label,
    headers,
    server: () => createServer(make()),
    answer: {
      status: 200,
      body: content.body,
      fields: { 'content-encoding': 'Accept-Encoding' in headers ? /^gzip$/ : /^undefined$/ },
    },
  })
  const own = (): ReturnType<typeof onExpress> => onExpress(content, mount(caching())())
  const peers = (): ReturnType<typeof onExpress> =>
    onExpress(content, compression(), apicache.middleware('1 hour'))
  return {
    title,
    path,
    base: 'plain',
    contenders: {
      plain: contender('Express + Millrace, the plain body', {}, own),
      encoded: contender('Express + Millrace, gzip', { 'Accept-Encoding': 'gzip' }, own),
      'apicache-plain': contender('Express + `compression` + apicache, the plain body', {}, peers),
      apicache: contender('Express + `compression` + apicache, gzip', { 'Accept-Encoding': 'gzip' }, peers),
    },
    bars: [
      { contender: 'encoded', over: 'plain', atLeast: 1 },
      { contender: 'plain', over: 'apicache-plain', atLeast: 1 },
      { contender: 'encoded', over: 'apicache', atLeast: 1 },
    ],
  }
}
