import { mock } from 'node:test'
import { breaker } from '@millrace/breaker'
import { type CallLayer, definePlugin, millrace } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import {
  CircuitState,
  circuitBreaker,
  handleAll,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel'
import CircuitBreaker from 'opossum'
import { z } from 'zod'

export type Work = (signal: AbortSignal) => Promise<unknown>

/** A circuit that opens at half of the outcomes of ten seconds, eight at the least, for 300 ms; calls time out after 500 ms. */
export interface Subject {
  /** @param given the caller's own signal */
  run(work: Work, given?: AbortSignal): Promise<unknown>
  state(): 'closed' | 'open' | 'half-open'
  /** Lets time pass. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

const stateOf = (state: unknown): 'closed' | 'open' | 'half-open' => {
  if (state === 'closed' || state === 'open' || state === 'half-open') return state
  throw new TypeError(`unexpected state ${state}`)
}

export const millraceSubject = (): Subject => {
  const clock = new VirtualClock()
  let signal: AbortSignal | undefined
  const given: CallLayer = (call, next) => {
    const own = signal
    signal = undefined
    return next(own === undefined ? call : { name: call.name, args: call.args, signal: own })
  }
  const caller = definePlugin({ name: 'caller', stage: 'observe', rule: z.object({}), call: () => given })
  const mill = millrace({ plugins: [caller, breaker()], clock })
  const run = mill.wrap(
    'work',
    function (work: Work) {
      return work(this.signal)
    },
    {
      caller: {},
      breaker: {
        timeout: '500ms',
        trip: { ratio: 0.5, minimum: 8, window: '10s' },
        reset: { after: '300ms', jitter: 0 },
      },
    },
  )
  return {
    run(work, own) {
      signal = own
      return run(work)
    },
    state: () => stateOf(mill.breaker.states()[0]?.state),
    pass: (ms) => clock.advance(ms),
    close: () => mill.stop(),
  }
}

const passMocked = async (ms: number): Promise<void> => {
  mock.timers.tick(ms)
  await settled()
}

const mocked = (): void => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })

export const opossumSubject = (): Subject => {
  mocked()
  const abortController = new AbortController()
  const circuit = new CircuitBreaker((work: Work) => work(abortController.signal), {
    timeout: 500,
    volumeThreshold: 8,
    resetTimeout: 300,
    abortController,
  })
  return {
    run: (work, own) => circuit.fire(own === undefined ? work : () => work(own)),
    state: () => (circuit.opened ? 'open' : circuit.halfOpen ? 'half-open' : 'closed'),
    pass: passMocked,
    async close() {
      circuit.shutdown()
      mock.timers.reset()
    },
  }
}

export const cockatielSubject = (): Subject => {
  mocked()
  const circuit = circuitBreaker(handleAll, {
    halfOpenAfter: 300,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 0.5 }),
  })
  const policy = wrap(circuit, timeout(500, TimeoutStrategy.Aggressive))
  return {
    run: (work, own) => policy.execute(({ signal }) => work(signal), own),
    state: () =>
      circuit.state === CircuitState.Open
        ? 'open'
        : circuit.state === CircuitState.HalfOpen
          ? 'half-open'
          : 'closed',
    pass: passMocked,
    async close() {
      mock.timers.reset()
    },
  }
}
