import { createHash } from 'node:crypto'
import type { Answer } from './group.ts'

export const hello: Readonly<{ hello: string }> = { hello: 'world' }

export const helloAnswer: Answer = {
  status: 200,
  body: JSON.stringify(hello),
  fields: { 'content-type': /^application\/json\b/, 'content-length': /^17$/ },
}

/** What an API answers: a list. */
export const citiesOf = (length: number): readonly object[] =>
  Array.from({ length }, (_, i) => ({
    id: 2_950_000 + i * 37,
    name: `City of ${createHash('sha256').update(String(i)).digest('hex').slice(0, 10)}`,
    country: 'DE',
    location: { latitude: 52.52437 - i * 0.173, longitude: 13.41053 + i * 0.211 },
    population: 3_426_354 - i * 51_007,
  }))

/** 2 KB of JSON. */
export const cities: readonly object[] = citiesOf(16)

const json = JSON.stringify(cities)

/** The same as the bytes that go out. */
export const prepared: Buffer = Buffer.from(json)

export const preparedFields: Readonly<Record<string, string | number>> = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': prepared.byteLength,
}

/** What a hit of Millrace's cache says in its head. */
export const hitFields: Readonly<Record<string, string | number>> = {
  ...preparedFields,
  ETag: `W/"${prepared.byteLength.toString(16)}-bwKfSAv4WlRBJ9mLzvIFkqHhKwA"`,
  Age: 12,
  'Cache-Status': 'Millrace; hit; ttl=3588',
}

export const citiesAnswer: Answer = {
  status: 200,
  body: json,
  fields: {
    'content-type': /^application\/json\b/,
    'content-length': new RegExp(`^${prepared.byteLength}$`),
  },
}

/** The same, from Millrace's cache. */
export const hitAnswer: Answer = {
  ...citiesAnswer,
  fields: { ...citiesAnswer.fields, 'cache-status': /^Millrace; hit\b/ },
}
