import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const installed = ['promtool', 'prometheus'].every(
  (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0,
)
if (!installed && process.env.CI) throw new Error('These tests need prometheus and promtool on the PATH.')

/** For `describe`: where nobody reads the output a skipped test would be a lost one, so that fails above. */
export const skip: string | false = installed ? false : 'no prometheus on the PATH'

/** What `promtool check metrics` finds wrong with a page. */
export const checkMetrics = (page: string): string => {
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' })
  return stdout + stderr
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** A Prometheus that scrapes one target five times a second. */
export class Prometheus {
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #origin: string

  private constructor(folder: string, child: ChildProcess, port: number) {
    this.#folder = folder
    this.#process = child
    this.#origin = `http://127.0.0.1:${port}`
  }

  /** @param rules a file of rules */
  static async start(target: number, rules: string): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'))
    writeFileSync(join(folder, 'rules.yaml'), rules)
    const file = join(folder, 'prometheus.yml')
    writeFileSync(
      file,
      `global: { scrape_interval: 200ms, evaluation_interval: 1s }
rule_files: [rules.yaml]
scrape_configs:
  - job_name: app
    static_configs: [{ targets: ['127.0.0.1:${target}'] }]
`,
    )
    const port = await freePort()
    const child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
      ],
      { stdio: 'ignore' },
    )
    return new Prometheus(folder, child, port)
  }

  /** What its HTTP API says; undefined while it does not answer. */
  async ask(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    try {
      const answer = await fetch(`${this.#origin}/api/v1/${path}?${new URLSearchParams(query)}`)
      const told: unknown = await answer.json()
      return typeof told === 'object' && told !== null && 'data' in told ? told.data : undefined
    } catch {
      return undefined
    }
  }

  /** The value of an expression that has one; NaN as long as it has none. */
  async value(query: string): Promise<number> {
    const data = await this.ask('query', { query })
    const { result }: { result?: { value: [number, string] }[] } = JSON.parse(JSON.stringify(data ?? {}))
    return Number(result?.[0]?.value[1] ?? Number.NaN)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await gone
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
