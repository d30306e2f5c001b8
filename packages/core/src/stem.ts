/**
 * Fields that many replies begin with, as a cache's do. Who writes the first of them may leave beside the list what the
 * next ones need not be made again for.
 */
export class Stem {
  /** Name, value, name, value, ...; it must not change. */
  readonly raw: readonly string[]
  /** The writer's. */
  written: unknown = undefined

  constructor(raw: readonly string[]) {
    this.raw = raw
  }
}
