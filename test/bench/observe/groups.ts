import type { Groups } from '../overhead/group.ts'
import { expressGroup } from './express.ts'
import { koaGroup } from './koa.ts'

export const groups: Groups = { express: expressGroup, koa: koaGroup }
