import type { CircuitPolicy, State, Verdict } from '../src/policy.ts'

interface Outcome {
  readonly at: number
  readonly failed: boolean
  readonly slow: boolean
}

interface Ticket {
  readonly era: number
  readonly began: number
  isOpen: boolean
}

/** A circuit as one would write it down: keeps everything, and counts anew whenever it is asked. */
export class CircuitModel {
  state: State = 'closed'
  /** Grows with each change: what was let in before does not count. */
  era = 0
  trips = 0
  rejected = 0
  probes: { successes: number; failures: number; slow: number } = { successes: 0, failures: 0, slow: 0 }
  tickets: Ticket[] = []
  outcomes: Outcome[] = []
  /** Since the last change of state, whatever the window. */
  verdicts: Verdict[] = []
  hidden: State = 'closed'
  forced: 'open' | 'closed' | undefined
  openUntil = 0
  openedAt = 0
  outvotedUntil = 0
  policy: CircuitPolicy
  readonly random: number

  constructor(policy: CircuitPolicy, random: number) {
    this.policy = policy
    this.random = random
  }

  get seen(): State {
    return this.forced ? 'isolated' : this.hidden
  }

  /** Probes that are out. */
  out(): Ticket[] {
    return this.hidden === 'half-open'
      ? this.tickets.filter((ticket) => ticket.isOpen && ticket.era === this.era)
      : []
  }

  change(): void {
    this.era++
    this.outcomes = []
    this.verdicts = []
    this.probes = { successes: 0, failures: 0, slow: 0 }
  }

  open(now: number): void {
    this.change()
    this.hidden = 'open'
    this.trips++
    this.openedAt = now
    this.wait()
  }

  wait(): void {
    const { after, max, factor, jitter } = this.policy.reset
    let length = after
    for (let i = 1; i < this.trips; i++) length = Math.min(max, length * factor)
    this.openUntil = this.openedAt + Math.min(max, length) * (1 - jitter * this.random)
  }

  judge(now: number): void {
    const { probes, trip } = this.policy
    const share = (some: number): number => some / probes.count
    const opens = (failures: number, slow: number): boolean =>
      (failures > 0 && share(failures) >= (trip.ratio ?? 0.5)) ||
      (trip.slow !== undefined && slow > 0 && share(slow) >= trip.slowRatio)
    const { successes, failures, slow } = this.probes
    const left = Math.max(0, probes.count - successes - failures)
    if (opens(failures, slow)) this.open(now)
    else if (!opens(failures + left, slow + left)) {
      this.change()
      this.hidden = 'closed'
      this.trips = 0
    }
  }

  follow(now: number): void {
    if (this.forced) return
    for (const ticket of this.out()) {
      const expiry = ticket.began + this.policy.probes.within
      if (this.hidden !== 'half-open' || ticket.era !== this.era || now < expiry) continue
      ticket.isOpen = false
      this.probes.failures++
      this.probes.slow++
      this.judge(expiry)
    }
    if (this.hidden === 'open' && now >= Math.max(this.openUntil, this.outvotedUntil)) {
      this.change()
      this.hidden = 'half-open'
    }
  }

  admit(now: number): Ticket | undefined {
    this.follow(now)
    const { successes, failures } = this.probes
    const lets = this.forced
      ? this.forced === 'closed'
      : this.hidden === 'closed' ||
        (this.hidden === 'half-open' && this.out().length + successes + failures < this.policy.probes.count)
    if (!lets) {
      this.rejected++
      return undefined
    }
    const ticket = { era: this.era, began: now, isOpen: true }
    this.tickets.push(ticket)
    return ticket
  }

  settle(ticket: Ticket, verdict: Verdict, duration: number, now: number): void {
    if (ticket.era === this.era && this.hidden === 'half-open') this.follow(now)
    const { isOpen } = ticket
    ticket.isOpen = false
    if (!isOpen || ticket.era !== this.era || this.forced || verdict === 'ignored') return
    const { trip } = this.policy
    const failed = verdict === 'failure'
    const slow = trip.slow !== undefined && duration >= trip.slow
    if (this.hidden === 'half-open') {
      if (failed) this.probes.failures++
      else this.probes.successes++
      if (slow) this.probes.slow++
      this.judge(now)
    } else if (this.hidden === 'closed') {
      this.outcomes.push({ at: now, failed, slow })
      this.verdicts.push(verdict)
      const { total, failures, slow: sluggish } = this.counts(now)
      const row = this.consecutive()
      if (
        (trip.consecutive !== undefined && row >= trip.consecutive) ||
        (total >= trip.minimum &&
          ((trip.ratio !== undefined && failures > 0 && failures / total >= trip.ratio) ||
            (trip.slow !== undefined && sluggish > 0 && sluggish / total >= trip.slowRatio)))
      )
        this.open(now)
    }
  }

  consecutive(): number {
    return this.verdicts.length - 1 - this.verdicts.lastIndexOf('success')
  }

  counts(now: number): { total: number; failures: number; slow: number } {
    const { window } = this.policy.trip
    const slice = (at: number): number => (typeof window === 'number' ? Math.floor(at / (window / 10)) : 0)
    const held =
      typeof window === 'number'
        ? this.outcomes.filter(({ at }) => slice(at) > slice(now) - 10)
        : this.outcomes.slice(-window.calls)
    return {
      total: held.length,
      failures: held.filter(({ failed }) => failed).length,
      slow: held.filter(({ slow }) => slow).length,
    }
  }

  isolate(way: 'open' | 'closed'): void {
    this.forced = way
    this.change()
  }

  release(): void {
    if (!this.forced) return
    this.forced = undefined
    this.change()
  }

  outvote(left: number, now: number): void {
    if (this.forced) return
    this.follow(now)
    this.outvotedUntil = now + left
    if (left === 0 || this.hidden === 'open') return
    this.change()
    this.hidden = 'open'
    this.openedAt = now
    this.openUntil = Number.NEGATIVE_INFINITY
  }

  reset(): void {
    this.forced = undefined
    this.hidden = 'closed'
    this.trips = 0
    this.change()
  }

  configure(policy: CircuitPolicy, now: number): void {
    const before = this.policy
    this.policy = policy
    if (JSON.stringify(before.trip.window) !== JSON.stringify(policy.trip.window)) this.outcomes = []
    const isOwn = this.hidden === 'open' && this.openUntil >= this.openedAt
    if (isOwn && JSON.stringify(before.reset) !== JSON.stringify(policy.reset)) this.wait()
    if (this.hidden === 'half-open') this.judge(now)
  }
}
