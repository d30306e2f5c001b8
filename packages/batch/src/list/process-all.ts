import type { BatchContext, Many } from '../run.ts'
import { type ListOptions, type ManyOptions, readOptions } from './options.ts'
import { Processing } from './processing.ts'
import type { Source } from './source.ts'

/** Does the work for one item. What it throws is that item's failure alone. */
export type Worker<I, O> = (item: I, context: BatchContext) => O | PromiseLike<O>

/**
 * Works through a list of any length in constant memory: so many items at a time, each with its own outcome. The worker is
 * given one item, or, with a `size`, up to so many and answers with a result for each, in order.
 *
 * @throws ConfigError naming every option that is wrong
 */
export function processAll<I, O>(items: Source<I>, worker: Many<I, O>, options: ManyOptions): Processing<I, O>
export function processAll<I, O>(
  items: Source<I>,
  worker: Worker<I, O>,
  options?: ListOptions & { readonly size?: undefined },
): Processing<I, O>
export function processAll<I, O>(
  items: Source<I>,
  worker: Worker<I, O> | Many<I, O>,
  options: ListOptions | ManyOptions = {},
): Processing<I, O> {
  if (takesMany(worker, options)) return new Processing(items, worker, readOptions(options))
  return new Processing(items, oneByOne(worker), readOptions({ ...options, size: 1 }))
}

const takesMany = <I, O>(
  _worker: Worker<I, O> | Many<I, O>,
  options: ListOptions | ManyOptions,
): _worker is Many<I, O> => 'size' in options && options.size !== undefined

const oneByOne =
  <I, O>(worker: Worker<I, O>): Many<I, O> =>
  async (items, context) => {
    const results: O[] = []
    for (const item of items) results.push(await worker(item, context))
    return results
  }
