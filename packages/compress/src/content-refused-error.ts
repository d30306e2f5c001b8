import type { Refusal } from './request-policy.ts'

/** What a body that is not taken is answered with. `type` is the word of Express's body parsers for it. */
const answers: Readonly<
  Record<Refusal, { readonly status: number; readonly title: string; readonly type: string }>
> = {
  coding: { status: 415, title: 'Unsupported Media Type', type: 'encoding.unsupported' },
  size: { status: 413, title: 'Content Too Large', type: 'entity.too.large' },
  ratio: { status: 413, title: 'Content Too Large', type: 'entity.too.large' },
  malformed: { status: 400, title: 'Bad Request', type: 'entity.parse.failed' },
}

const details: Readonly<Record<Refusal, string>> = {
  coding: 'the content coding of the request is not accepted',
  size: 'the content of the request is too large',
  ratio: 'the content of the request is too large for what was sent',
  malformed: 'the content of the request is not in the coding that it says',
}

/** The body of a request is not taken: what whoever reads it gets. Hosts answer it with its status. */
export class ContentRefusedError extends Error {
  override readonly name = 'ContentRefusedError'
  readonly code = 'ERR_MILLRACE_CONTENT_REFUSED'
  readonly expose = true
  readonly why: Refusal
  readonly status: number
  readonly statusCode: number
  /** What the status means. */
  readonly title: string
  readonly type: string

  constructor(why: Refusal) {
    super(details[why])
    const { status, title, type } = answers[why]
    this.why = why
    this.status = status
    this.statusCode = status
    this.title = title
    this.type = type
  }
}
