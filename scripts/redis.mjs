import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mention, provide } from './program.mjs'

const none = { env: {}, stop: () => {} }

const wanted = {
  program: 'redis-server',
  package: 'redis-server',
  otherwise: 'set REDIS_URL or install redis-server',
}

const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('expected the address of a TCP server')
  return address.port
}

/** Files that read the address, or start servers of their own to stop and starve them. */
const needs = /REDIS_URL|redis\/server\.ts|\.\/server\.ts/

/**
 * Tests that speak to Redis read its address from REDIS_URL. When one of these files does and nobody gave an address,
 * starts a Redis for them that keeps nothing.
 *
 * @param {readonly string[]} files
 * @returns {Promise<{ env: Record<string, string>, stop: () => void }>}
 */
export const startRedis = async (files) => {
  if (!mention(files, needs) || process.env.REDIS_URL || !provide(wanted)) return none
  const port = await freePort()
  const server = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let log = ''
  for await (const chunk of server.stdout) {
    log += chunk
    if (log.includes('Ready to accept connections')) break
  }
  if (!log.includes('Ready to accept connections')) throw new Error(`redis-server did not start:\n${log}`)
  return { env: { REDIS_URL: `redis://127.0.0.1:${port}` }, stop: () => server.kill() }
}
