import { batcher } from '@millrace/batch'
import { create, keyResolver, windowScheduler } from '@yornaath/batshit'
import DataLoader from 'dataloader'

export interface Loader {
  load(key: number): Promise<unknown>
}

/** What loads in batches, and what a row of the table says of it. */
export interface Contender {
  readonly label: string
  make(): Loader
}

interface City {
  readonly id: number
}

const find = async (ids: readonly number[]): Promise<City[]> => ids.map((id) => ({ id }))

/** What the others are compared with. */
export const base = 'dataloader'

const shared = batcher(find)

export const loaders: Readonly<Record<string, Contender>> = {
  dataloader: { label: 'dataloader, one for each request', make: () => new DataLoader(find) },
  millrace: { label: '`batcher`, one for all', make: () => shared },
  'millrace-request': { label: '`batcher`, one for each request', make: () => batcher(find) },
  'millrace-memo': {
    label: 'the same, which remembers as dataloader does',
    make: () => batcher(find, { memo: 1000 }),
  },
  batshit: {
    label: 'batshit, one for each request',
    make: () => {
      const loader = create({
        fetcher: (ids: number[]) => find(ids),
        resolver: keyResolver('id', { indexed: true }),
        scheduler: windowScheduler(0),
      })
      return { load: (key) => loader.fetch(key) }
    },
  },
}
