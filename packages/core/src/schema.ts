import { z } from 'zod'
import { type Duration, durationExpected, parseDuration } from './duration.ts'
import { parseSize, type Size, sizeExpected } from './size.ts'

/** A Standard Schema (https://standardschema.dev, version 1): zod, valibot, arktype and others are one. */
export interface Schema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
    /** Where the schema can also describe itself (Standard JSON Schema); editors and messages use it. */
    readonly jsonSchema?: {
      readonly input: (options: {
        readonly target: 'draft-2020-12'
        readonly libraryOptions?: Record<string, unknown>
      }) => Record<string, unknown>
    }
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a user may write where a schema stands. */
export type SchemaInput<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer I }
    ? I
    : never
  : never

/** For rule schemas: a {@link Duration}, read as milliseconds. */
export const duration = (): z.ZodType<number, Duration> => quantity<Duration>(parseDuration, durationExpected)

/** For rule schemas: a {@link Size}, read as bytes. */
export const size = (): z.ZodType<number, Size> => quantity<Size>(parseSize, sizeExpected)

/** For rule schemas: a function. What it is called with and returns is the option's type `F`. */
export const callback = <F extends (...args: never[]) => unknown>(): z.ZodType<F, F> =>
  z.custom<F>((value) => typeof value === 'function', { error: 'expected a function' })

const quantity = <T extends string | number>(
  parse: (value: unknown) => number | undefined,
  expected: string,
): z.ZodType<number, T> =>
  z
    .custom<T>((value) => parse(value) !== undefined, { error: `expected ${expected}` })
    .meta({ type: ['string', 'number'], description: expected })
    .transform((value) => parse(value) ?? 0)
