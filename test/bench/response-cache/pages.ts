import type { OutgoingHttpHeaders } from 'node:http'
import { citiesOf } from '../overhead/answers.ts'
import type { Answer } from '../overhead/group.ts'

/** What a handler answers. */
export interface Page {
  readonly value: readonly object[]
  /** The same as JSON, prepared. */
  readonly body: Buffer
  readonly fields: OutgoingHttpHeaders
  readonly answer: Answer
}

const pageOf = (length: number): Page => {
  const value = citiesOf(length)
  const json = JSON.stringify(value)
  const body = Buffer.from(json)
  return {
    value,
    body,
    fields: { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.byteLength },
    answer: { status: 200, body: json, fields: { 'content-type': /^application\/json\b/ } },
  }
}

export const path = '/cities'

/** JSON of 2 KB. */
export const small: Page = pageOf(16)

/** JSON of 50 KB. */
export const large: Page = pageOf(385)

/** From Millrace's cache. */
export const hitOf = ({ answer }: Page): Answer => ({
  ...answer,
  fields: { ...answer.fields, 'cache-status': /^Millrace; hit\b/ },
})
