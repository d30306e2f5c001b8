/**
 * What the handler's calls on the response do:
 * - `open`: nothing was written yet.
 * - `held`: the head is known; calls are kept until the layers have returned.
 * - `passing`: the layers left the body alone: calls go through as they come.
 * - `taken`: a layer reads the body: chunks go to it.
 * - `sealed`: a layer has answered instead: calls are swallowed (by `late.ts`, in front of ours).
 */
export type Mode = 'open' | 'held' | 'passing' | 'taken' | 'sealed'
