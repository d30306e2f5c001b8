import type { Clock, Handler } from '@millrace/core'
import type { Circuit, Permit } from './circuit.ts'
import type { Circuits } from './circuits.ts'
import { TimeoutError } from './errors.ts'
import type { Verdict } from './policy.ts'
import type { Hold } from './register.ts'
import type { Kind } from './strategy.ts'

/** What a place says about its circuit. */
export interface GuardTerms<I> {
  readonly kind: Kind<I>
  readonly clock: Clock
  readonly circuits: Hold<Circuits>
  /** Which of the circuits; undefined where there is but one. */
  readonly keyOf: ((input: I) => string) | undefined
  /** @param value what was thrown, or came out */
  readonly judge: (input: I, thrown: boolean, value: unknown, duration: number) => Verdict
  /** Whether anybody wants to know how long it took. */
  readonly isTimed: boolean
  /** Says that it was not let in. */
  readonly rejected: (input: I, circuit: Circuit) => Error
}

/** Lets through what a circuit lets through, and tells it how it went. */
export class Guard<I> {
  readonly #terms: GuardTerms<I>

  constructor(terms: GuardTerms<I>) {
    this.#terms = terms
  }

  run<O>(input: I, next: Handler<I, O>): Promise<O> {
    const { kind, clock, circuits, keyOf, isTimed, rejected } = this.#terms
    circuits.follow()
    const circuit = keyOf === undefined ? circuits.thing.single : circuits.thing.at(keyOf(input))
    const permit = circuit.admit()
    if (permit === 0) return Promise.reject(rejected(input, circuit))
    const began = isTimed ? clock.elapsed() : 0
    let running: Promise<O>
    try {
      running = next(input)
    } catch (error) {
      this.#end(circuit, permit, input, began, true, error)
      return Promise.reject(error)
    }
    const known = kind.known(running)
    if (known !== undefined) {
      this.#end(circuit, permit, input, began, false, known)
      return running
    }
    if (!kind.endsByItself(input)) return this.#watch(circuit, permit, input, began, running)
    return running.then(
      (output) => {
        this.#end(circuit, permit, input, began, false, output)
        return output
      },
      (error: unknown) => {
        this.#end(circuit, permit, input, began, true, error)
        throw error
      },
    )
  }

  /** The permit comes back as soon as nobody waits any more, whatever the work does. */
  async #watch<O>(
    circuit: Circuit,
    permit: Permit,
    input: I,
    began: number,
    running: Promise<O>,
  ): Promise<O> {
    let isOver = false
    const end = this.#terms.kind.watch(input, (reason) => {
      if (isOver) return
      isOver = true
      // What was still at work when its time was over has failed; what somebody else has ended says nothing.
      if (reason instanceof TimeoutError) this.#end(circuit, permit, input, began, true, reason)
      else circuit.settle(permit, 'ignored', 0)
    })
    try {
      const output = await running
      if (!isOver) this.#end(circuit, permit, input, began, false, output)
      return output
    } catch (error) {
      if (!isOver) this.#end(circuit, permit, input, began, true, error)
      throw error
    } finally {
      isOver = true
      end()
    }
  }

  #end(circuit: Circuit, permit: Permit, input: I, began: number, thrown: boolean, value: unknown): void {
    const { kind, clock, judge, isTimed } = this.#terms
    const duration = isTimed ? clock.elapsed() - began : 0
    const verdict = judge(input, thrown, value, duration)
    const rest = thrown || verdict !== 'success' ? undefined : kind.rest(input, value)
    circuit.settle(permit, rest === undefined ? verdict : 'begun', duration, value)
    if (rest === undefined) return
    const { generation } = circuit
    void rest.then((broken) => circuit.end(generation, broken ? 'the body broke off' : undefined))
  }
}
