import type { Groups } from '../overhead/group.ts'
import { hits } from './hits.ts'
import { keys } from './keys.ts'
import { kinds, notModified } from './kinds.ts'

export const groups: Groups = { ...hits, 'not-modified': notModified, kinds, keys }
