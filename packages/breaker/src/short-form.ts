import { z } from 'zod'

/**
 * Options that have a short form. A mistake in an option is said of that option, which a union would not do.
 *
 * @param short makes options of the short form
 * @param expected for messages: `a number or options`
 */
export const shortForm = <Rule, Options, Short>(
  options: z.ZodType<Rule, Options>,
  short: z.ZodType<Options, Short>,
  expected: string,
): z.ZodType<Rule, Options | Short> => {
  const { $schema, ...described } = z.toJSONSchema(z.union([short, options]), {
    io: 'input',
    unrepresentable: 'any',
  })
  return z
    .custom<Options | Short>()
    .meta(described)
    .transform((value, context) => {
      const isLong = typeof value === 'object' && value !== null
      const long = isLong ? { success: true, data: value } : short.safeParse(value)
      const read = long.success ? options.safeParse(long.data) : undefined
      if (read?.success) return read.data
      if (read === undefined || !isLong) context.addIssue(`expected ${expected}`)
      else
        for (const { path, message } of read.error.issues) context.addIssue({ code: 'custom', path, message })
      return z.NEVER
    })
}
