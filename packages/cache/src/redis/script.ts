import { createHash } from 'node:crypto'
import type { Client } from './options.ts'

/** A Lua script that is sent as its hash, and in full to a server that does not know it (yet, or any more). */
export class Script {
  readonly #lua: string
  readonly #sha: string

  constructor(lua: string) {
    this.#lua = lua
    this.#sha = createHash('sha1').update(lua).digest('hex')
  }

  async run(
    client: Client,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await client.evalsha(this.#sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await client.eval(this.#lua, keys.length, ...keys, ...args)
    }
  }
}
