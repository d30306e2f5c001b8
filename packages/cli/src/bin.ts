#!/usr/bin/env node
import { run } from './run.ts'

const write = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((resolve) => {
    // Whoever reads may have left, as `head` does.
    stream.on('error', () => resolve())
    stream.write(text, () => resolve())
  })

const { code, stdout, stderr } = await run(process.argv.slice(2), process.cwd())
await Promise.all([write(process.stdout, stdout), write(process.stderr, stderr)])
// The config module may have opened a connection, which would keep the process.
process.exit(code)
