import { describe } from './outcome.ts'

let report: ((fault: string) => void) | undefined

const onRejection = (reason: unknown): void => report?.(`unhandledRejection ${describe(reason)}`)

/** What would end the process is told to the test that runs, which may expect it, and not to the test runner. */
export const watchFaults = (to: (fault: string) => void): (() => void) => {
  report = to
  const listeners = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', onRejection)
  process.setUncaughtExceptionCaptureCallback(null)
  process.setUncaughtExceptionCaptureCallback((error: unknown) =>
    report?.(`uncaughtException ${describe(error)}`),
  )
  return () => {
    process.setUncaughtExceptionCaptureCallback(null)
    process.off('unhandledRejection', onRejection)
    for (const listener of listeners) process.on('unhandledRejection', listener)
    report = undefined
  }
}
