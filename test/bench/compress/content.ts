import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cities, citiesOf } from '../overhead/answers.ts'
import { folder } from '../response-cache/fronts.ts'

/** What a handler answers, made anew each time. */
export interface Content {
  /** An object for the framework to make JSON of, bytes or a stream of bytes of `application/json`. */
  readonly make: () => object
  /** The same as text. */
  readonly body: string
}

const jsonOf = (value: readonly object[]): Content => ({ make: () => value, body: JSON.stringify(value) })

export const small: Content = jsonOf(cities)

/** 50 KB. */
export const large: Content = jsonOf(citiesOf(360))

/** 1 MB. */
const text = JSON.stringify(citiesOf(6_850))
const bytes = Buffer.from(text)

export const huge: Content = { make: () => bytes, body: text }

const file = join(folder(), 'cities.json')
writeFileSync(file, text)

export const streamed: Content = { make: () => createReadStream(file), body: text }
