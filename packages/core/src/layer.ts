/** What a layer goes on to: the next layer, or at the end the host's handler or the wrapped function. */
export type Handler<I, O> = (input: I) => Promise<O>

/**
 * The one function shape. A layer may look at the input, go on with it (or with a derived one) by `next`,
 * look at or replace what comes back, or answer by itself. It must return an output: a forgotten `return`
 * does not compile.
 */
export type Layer<I, O> = (input: I, next: Handler<I, O>) => Promise<O>

/** Layers around a handler, made once; the first layer is the outermost. */
export const compose = <I, O>(layers: readonly Layer<I, O>[], handler: Handler<I, O>): Handler<I, O> =>
  layers.reduceRight<Handler<I, O>>((next, layer) => (input) => layer(input, next), handler)
