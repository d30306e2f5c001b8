import type { IncomingMessage } from 'node:http'
import type { Millrace } from '@millrace/core'

/** What one handler does, to be written in the host's own idiom. */
export type Scene =
  | { readonly does: 'json'; readonly value: object }
  | { readonly does: 'text'; readonly status: number; readonly text: string }
  /** Each chunk is written when the one before has been asked for by `step`. */
  | { readonly does: 'stream'; readonly chunks: readonly string[]; readonly step: () => Promise<void> }
  | { readonly does: 'empty'; readonly status: number }
  | { readonly does: 'throw'; readonly error: Error }
  /** Calls `asked` with the request, answers with "late" when the promise that it returns settles. */
  | { readonly does: 'wait'; readonly asked: (req: IncomingMessage) => Promise<void> }

/** By route pattern of the host; every scene answers GET and, as hosts do, HEAD. */
export const scenes = (
  set: Readonly<Record<string, Scene>>,
): readonly (readonly [path: string, scene: Scene])[] => Object.entries(set)

export interface Served {
  readonly port: number
  close(): Promise<void>
}

/** A host as its adapter's tests build it. */
export interface HostUnderTest {
  readonly name: string
  /** Serves the scenes with the Millrace mounted around them, errors answered by an error handler with status 500 and the error's message. */
  serve(mill: Millrace, set: readonly (readonly [path: string, scene: Scene])[]): Promise<Served>
  /** Whether the host has route patterns, so that `exchange.route` is its own. */
  readonly routes: boolean
  /** Whether an error of the handler passes through the layers as such; else it arrives as a 5xx reply. */
  readonly throws: boolean
}
