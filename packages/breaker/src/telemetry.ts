import { counter, remarks, type StateMetric, type Telemetry } from '@millrace/core'
import { countStates } from './controls.ts'
import { fellBack, hedged, held, rejected, retried, stateChanged, timedOut } from './events.ts'
import type { House } from './house.ts'
import type { State } from './policy.ts'

const states: readonly State[] = ['closed', 'half-open', 'open', 'isolated']

export const telemetryOf = (house: House): Telemetry => ({
  metrics: [
    {
      kind: 'gauge',
      name: 'millrace_breaker_state',
      help: '1 for the state that a breaker is in; with keys, the worst that one of its circuits is in.',
      labels: ['breaker', 'state'],
      read: (record) => {
        for (const [name, counts] of countStates(house)) {
          const worst = worstOf(counts)
          for (const state of states) record([name, state], state === worst ? 1 : 0)
        }
      },
    } satisfies StateMetric,
    {
      kind: 'gauge',
      name: 'millrace_breaker_circuits',
      help: 'Circuits of a breaker, by state: one for each key.',
      labels: ['breaker', 'state'],
      read: (record) => {
        for (const [name, counts] of countStates(house))
          for (const state of states) record([name, state], counts.get(state) ?? 0)
      },
    } satisfies StateMetric,
    {
      kind: 'gauge',
      name: 'millrace_breaker_shared',
      help: '1 while the processes that share circuits can be reached, 0 while this one decides alone.',
      labels: [],
      read: (record) => {
        const reachable = house.council?.reachable
        if (reachable !== undefined) record([], reachable ? 1 : 0)
      },
    } satisfies StateMetric,
    counter(
      stateChanged,
      {
        name: 'millrace_breaker_transitions_total',
        help: 'Changes of state, by the state that came and why.',
        labels: ['breaker', 'state', 'reason'],
      },
      ({ breaker, to, why }) => [breaker, to, why],
    ),
    counter(
      rejected,
      {
        name: 'millrace_breaker_rejected_total',
        help: 'What a circuit did not let in.',
        labels: ['breaker', 'site'],
      },
      ({ breaker, at }) => [breaker, at],
    ),
    counter(
      timedOut,
      { name: 'millrace_breaker_timeouts_total', help: 'Deadlines that came.', labels: ['site', 'scope'] },
      ({ at, scope }) => [at, scope],
    ),
    counter(
      retried,
      {
        name: 'millrace_breaker_retries_total',
        help: 'Failed attempts of calls: those made again, and why others were not.',
        labels: ['site', 'decision'],
      },
      ({ at, decision }) => [at, decision],
    ),
    counter(
      hedged,
      {
        name: 'millrace_breaker_hedges_total',
        help: 'Calls that took long: those made once more, those that gained by it, and why others were not.',
        labels: ['site', 'decision'],
      },
      ({ at, decision }) => [at, decision],
    ),
    counter(
      held,
      {
        name: 'millrace_breaker_bulkhead_total',
        help: 'What had to wait for a place in a bulkhead, or got none.',
        labels: ['site', 'outcome'],
      },
      ({ at, outcome }) => [at, outcome],
    ),
    counter(
      held,
      {
        name: 'millrace_breaker_bulkhead_wait_seconds_total',
        help: 'Time that these waited.',
        labels: ['site', 'outcome'],
      },
      ({ at, outcome }) => [at, outcome],
      ({ wait }) => wait / 1000,
    ),
    ...(['active', 'waiting', 'limit'] as const).map(
      (each): StateMetric => ({
        kind: 'gauge',
        name: `millrace_breaker_bulkhead_${each}`,
        help: bulkheadHelp[each],
        labels: ['breaker'],
        read: (record) => {
          for (const [name, bulkhead] of house.bulkheads) record([name], bulkhead[each])
        },
      }),
    ),
    counter(
      fellBack,
      {
        name: 'millrace_breaker_fallbacks_total',
        help: 'Failures that something else was answered for, or should have been.',
        labels: ['site', 'outcome'],
      },
      ({ at, outcome }) => [at, outcome],
    ),
  ],
  remarks: [
    remarks(rejected, ({ breaker, exchange }) => ({
      name: 'breaker',
      outcome: 'open',
      attributes: { 'breaker.name': breaker },
      ...(exchange && { exchange }),
    })),
    remarks(timedOut, ({ at, scope, limit, exchange }) => ({
      name: 'breaker',
      outcome: 'timeout',
      duration: limit,
      attributes: { 'breaker.name': at, 'breaker.scope': scope },
      ...(exchange && { exchange }),
    })),
    remarks(retried, ({ at, decision, attempt, error }) => ({
      name: 'breaker.retry',
      outcome: decision,
      attributes: { 'breaker.name': at, 'breaker.attempt': attempt },
      ...(error !== undefined && { error }),
    })),
    remarks(hedged, ({ at, decision, after }) => ({
      name: 'breaker.hedge',
      outcome: decision,
      duration: after,
      attributes: { 'breaker.name': at },
    })),
    remarks(held, ({ at, outcome, wait, exchange }) => ({
      name: 'breaker.bulkhead',
      outcome,
      duration: wait,
      attributes: { 'breaker.name': at },
      ...(exchange && { exchange }),
    })),
    remarks(fellBack, ({ at, outcome, error, exchange }) => ({
      name: 'breaker.fallback',
      outcome,
      attributes: { 'breaker.name': at },
      error,
      ...(exchange && { exchange }),
    })),
  ],
})

const bulkheadHelp = {
  active: 'Work that is in a bulkhead.',
  waiting: 'Work that waits for a place in a bulkhead.',
  limit: 'How much work a bulkhead lets in at once.',
}

const worstOf = (counts: ReadonlyMap<State, number>): State =>
  (['open', 'half-open', 'isolated'] as const).find((state) => counts.has(state)) ?? 'closed'
