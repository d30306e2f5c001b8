import type { Exchange, Schema } from '@millrace/core'
import { BatchDeniedError } from '../denied.ts'
import type { ListOptions, ManyOptions } from '../list/options.ts'
import { processAll } from '../list/process-all.ts'
import type { Progress } from '../list/progress.ts'

/** What an operation is given besides items. */
export interface OperationContext {
  readonly signal: AbortSignal
  /** Who asks. */
  readonly exchange: Exchange
}

type Shared = 'concurrency' | 'timeout' | 'retry'

interface Checked<I> {
  /** Reads each item, before any work is done: what comes from outside is checked. */
  readonly item: Schema<I>
}

interface One<I> extends Checked<I>, Pick<ListOptions, Shared> {
  /** Does the work for one item. */
  readonly each: (item: I, context: OperationContext) => unknown
}

interface Several<I> extends Checked<I>, Pick<ManyOptions, Shared | 'size' | 'split'> {
  /** Does the work for several: a result for each, in order. Who asks may want fewer at once than `size`, never more. */
  readonly many: (
    items: readonly I[],
    context: OperationContext,
  ) => PromiseLike<readonly unknown[]> | readonly unknown[]
}

/** What can be done with the items of a list that somebody sends. */
export type OperationOptions<I> = One<I> | Several<I>

/** Work that can be begun, watched and read. */
export interface Work extends AsyncIterable<PromiseSettledResult<unknown> & { readonly index: number }> {
  readonly progress: Progress
}

/** How it is watched and ended. */
export type Watched = Pick<ListOptions, 'name' | 'clock' | 'signal' | 'onProgress'>

/** An operation that can be asked for by its name. */
export interface Operation {
  /**
   * Reads a list.
   *
   * @param size items at once, at most
   * @returns what begins the work
   * @throws BatchDeniedError
   */
  prepare(
    items: readonly unknown[],
    size: number | undefined,
    exchange: Exchange,
  ): Promise<(watched: Watched) => Work>
}

/** Something that lists may be sent for: `batchProcess({ operations: { 'cities.import': operation({ item, each }) } })`. */
export const operation = <I>(options: OperationOptions<I>): Operation => ({
  async prepare(items, size, exchange) {
    const { item, concurrency, timeout, retry } = options
    const list = await readAll(items, item)
    const shared = { concurrency, timeout, retry }
    if (!('many' in options)) {
      if (size !== undefined && size > 1)
        throw new BatchDeniedError(400, 'size', 'batchSize: the operation takes one item at a time')
      const { each } = options
      return (watched) =>
        processAll(list, async (one, { signal }) => each(one, { signal, exchange }), {
          ...shared,
          ...watched,
        })
    }
    const { many, split } = options
    const most = typeof options.size === 'number' ? options.size : options.size.max
    if (size !== undefined && size > most)
      throw new BatchDeniedError(400, 'size', `batchSize: expected at most ${most}`)
    return (watched) =>
      processAll(list, async (some, { signal }) => many(some, { signal, exchange }), {
        ...shared,
        ...watched,
        size: size ?? options.size,
        split,
      })
  },
})

/** @throws BatchDeniedError */
const readAll = async <I>(items: readonly unknown[], schema: Schema<I>): Promise<readonly I[]> => {
  const list: I[] = []
  for (const [index, given] of items.entries()) {
    const read = await schema['~standard'].validate(given)
    if (read.issues)
      throw new BatchDeniedError(
        400,
        'item',
        `items[${index}]: ${read.issues[0]?.message ?? 'is not as expected'}`,
      )
    list.push(read.value)
  }
  return list
}
