import type { Order } from './order.ts'
import { Queue, type Resident } from './resident.ts'

/** First in, first out. A new value comes in anew. */
export class Fifo<V> implements Order<V> {
  readonly metadataBytes: number = 0
  protected readonly queue: Queue<V> = new Queue()

  meet(): void {}

  enter(newcomer: Resident<V>): void {
    this.queue.push(newcomer)
  }

  next(): Resident<V> | undefined {
    return this.queue.shift()
  }

  use(_resident: Resident<V>): void {}

  renew(resident: Resident<V>): void {
    this.queue.renew(resident)
  }

  remove(resident: Resident<V>): void {
    this.queue.remove(resident)
  }
}

/** The least recently used leaves first. What `auto` runs; by itself that policy is the `lru-cache` package. */
export class Recency<V> extends Fifo<V> {
  override use(resident: Resident<V>): void {
    this.queue.renew(resident)
  }
}
