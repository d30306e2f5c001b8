import { expressHello } from './express-hello.ts'
import { expressHit } from './express-hit.ts'
import type { Groups } from './group.ts'
import { koaHello } from './koa-hello.ts'
import { koaHit } from './koa-hit.ts'
import { listenerHit } from './listener-hit.ts'

export const groups: Groups = {
  'express-hello': expressHello,
  'koa-hello': koaHello,
  'express-hit': expressHit,
  'koa-hit': koaHit,
  'listener-hit': listenerHit,
}
