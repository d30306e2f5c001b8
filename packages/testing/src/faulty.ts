/** What a faulty port does when it is called. */
export type Fault = 'none' | 'throw' | 'hang'

export interface Faulty<P extends object> {
  /** The port itself: give it to the code under test. */
  readonly port: P
  /** What calls do from now on, all of them or those of one method. Default `none`. */
  set(fault: Fault, method?: keyof P): void
  /** Calls made while `hang` was set go on now. */
  release(): void
  /** How often each method was called. */
  readonly calls: ReadonlyMap<PropertyKey, number>
}

export class FaultyPortError extends Error {
  override readonly name = 'FaultyPortError'
}

/** Any port of asynchronous methods, made to fail or hang at will. */
export const faulty = <P extends object>(real: P): Faulty<P> => {
  const calls = new Map<PropertyKey, number>()
  const faults = new Map<PropertyKey, Fault>()
  let general: Fault = 'none'
  let gate = Promise.withResolvers<void>()

  const port = new Proxy(real, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target)
      if (typeof method !== 'function') return method
      return async (...args: unknown[]): Promise<unknown> => {
        calls.set(name, (calls.get(name) ?? 0) + 1)
        const fault = faults.get(name) ?? general
        if (fault === 'throw') throw new FaultyPortError(`${String(name)} fails, as it was told to`)
        if (fault === 'hang') await gate.promise
        return Reflect.apply(method, target, args)
      }
    },
  })
  return {
    port,
    calls,
    set(fault, method) {
      if (method === undefined) {
        general = fault
        faults.clear()
      } else faults.set(method, fault)
    },
    release() {
      gate.resolve()
      gate = Promise.withResolvers()
    },
  }
}
