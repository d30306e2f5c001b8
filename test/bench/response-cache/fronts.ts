import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, createServer as createSocketServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contender, Front } from '../overhead/group.ts'
import { expressApp } from './own.ts'
import type { Page } from './pages.ts'

/** Caches in front of Node, as Debian packages them. */

export const listening = async (server: Server): Promise<number> => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new TypeError('expected a port')
  return address.port
}

export const freePort = async (): Promise<number> => {
  const server = createSocketServer()
  const port = await listening(server)
  await once(server.close(), 'close')
  return port
}

/** A folder that goes with this process. */
export const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  return made
}

export const running = async (command: string, args: readonly string[], port: number): Promise<Front> => {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  process.once('exit', () => child.kill())
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`)
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return { port, pids: child.pid === undefined ? [] : [child.pid] }
    } catch {
      await wait(50)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`${command} does not listen`)
}

const nginxBy = (folder: string, port: number, origin: number): string => `
daemon off; user root; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  proxy_cache_path ${folder}/pages keys_zone=pages:10m;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${folder}/${each};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${origin};
      proxy_cache pages; proxy_cache_valid 200 1h;
      add_header X-Cache $upstream_cache_status;
    }
  }
}`

export const nginxOf = (page: Page, isEncoded: boolean): Contender => ({
  label: 'nginx `proxy_cache` in front of Node',
  needs: 'nginx',
  server: async () => {
    const [own, port] = [folder(), await freePort()]
    const origin = await listening(createServer(expressApp(page, isEncoded)))
    writeFileSync(join(own, 'nginx.conf'), nginxBy(own, port, origin))
    return running('nginx', ['-p', own, '-e', 'stderr', '-c', join(own, 'nginx.conf')], port)
  },
  answer: { ...page.answer, fields: { ...page.answer.fields, 'x-cache': /^HIT$/ } },
})

export const varnishOf = (page: Page, isEncoded: boolean): Contender => ({
  label: 'Varnish in front of Node',
  needs: 'varnishd',
  server: async () => {
    const [own, port] = [folder(), await freePort()]
    const origin = await listening(createServer(expressApp(page, isEncoded)))
    const [front, back] = [`127.0.0.1:${port}`, `127.0.0.1:${origin}`]
    const args = ['-j', 'none', '-F', '-n', own, '-a', front, '-b', back, '-s', 'malloc,256m', '-t', '3600']
    return running('varnishd', args, port)
  },
  answer: { ...page.answer, fields: { ...page.answer.fields, age: /^\d+$/, 'x-varnish': /^\d+ \d+$/ } },
})
