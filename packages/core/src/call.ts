/** One call of a function wrapped by `mill.wrap`: what its layers see. */
export interface Call<A extends readonly unknown[] = readonly unknown[]> {
  /** The name given to `mill.wrap`. */
  readonly name: string
  readonly args: A
  /** Aborts when nobody waits for the result any more. The wrapped function sees it as `this.signal`. */
  readonly signal: AbortSignal
}

/** A call as it enters its layers. Its signal never aborts by itself; a layer passes on a call with one that does. */
export class FreshCall<A extends readonly unknown[]> implements Call<A> {
  readonly name: string
  readonly args: A
  #signal: AbortSignal | undefined

  constructor(name: string, args: A) {
    this.name = name
    this.args = args
  }

  /** Made when first asked for; each call its own, so that listeners go with the call. */
  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal
    return this.#signal
  }
}

/** Whether somebody may end the call by its signal. Who asks for the signal to find out makes one. */
export const canAbort = (call: Call): boolean => !(call instanceof FreshCall)
