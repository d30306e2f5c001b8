import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

describe('the page of metrics of a worker', () => {
  it('tells of all workers, gauges of each for itself', async () => {
    const primary = fork(fileURLToPath(new URL('worker.ts', import.meta.url)))
    try {
      const [ports]: unknown[] = await once(primary, 'message')
      assert.ok(Array.isArray(ports))
      const ask = async (port: number, path: string): Promise<string> =>
        (await fetch(`http://127.0.0.1:${port}${path}`)).text()
      const [one, two] = ports.map(Number)
      assert.ok(one !== undefined && two !== undefined)
      for (let i = 0; i < 3; i++) await ask(one, `/cities/${i}`)
      for (let i = 0; i < 4; i++) await ask(two, `/cities/${i}`)
      for (const port of [one, two]) {
        const text = await ask(port, '/metrics')
        const count =
          'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/cities/:id",http_response_status_code="200",outcome="ok"}'
        assert.ok(text.includes(`${count} 7\n`), text)
        assert.ok(text.includes('outcome="ok",le="+Inf"} 7\n'), text)
        assert.ok(!text.includes('NaN'), text)
        for (const worker of [1, 2])
          assert.match(text, new RegExp(`^process_resident_memory_bytes\\{worker="${worker}"\\} \\d+$`, 'm'))
      }
    } finally {
      primary.disconnect()
      await once(primary, 'exit')
    }
  })
})
