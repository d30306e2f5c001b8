import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

const installed = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0
if (!installed && process.env.CI) throw new Error('These tests need promtool on the PATH.')

/** For `describe`: where nobody reads the output a skipped test would be a lost one, so that fails above. */
export const skip: string | false = installed ? false : 'no promtool on the PATH'

/** @returns what it said, when it found something wrong */
const promtool = (args: readonly string[], files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-promtool-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return new Promise((resolve) => {
    execFile('promtool', args, { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) => {
      rmSync(folder, { recursive: true })
      resolve(error ? `${error.message}\n${stdout}${stderr}` : '')
    })
  })
}

/** What is wrong with a file of rules; nothing when all is well. */
export const checkRules = (text: string): Promise<string> =>
  promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'], { 'rules.yaml': text })

/** A rules unit test: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules */
export interface RulesTest {
  /** Whether it is about days: then there are samples every two minutes, and rules are evaluated every ten. */
  readonly isLong?: boolean
  /** By series, its values at every minute, or every second one, from 0 on: `0+10x60`. */
  readonly series: Readonly<Record<string, string>>
  readonly at: string
  readonly alert: string
  readonly fires: readonly {
    readonly exp_labels: Readonly<Record<string, string>>
    readonly exp_annotations: Readonly<Record<string, string>>
  }[]
}

/** What such a test of the rules says; nothing when they do as it expects. */
export const testRules = (
  text: string,
  { isLong = false, series, at, alert, fires }: RulesTest,
): Promise<string> => {
  const test = {
    rule_files: ['rules.yaml'],
    evaluation_interval: isLong ? '10m' : '1m',
    tests: [
      {
        interval: isLong ? '2m' : '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: fires }],
      },
    ],
  }
  return promtool(['test', 'rules', 'test.yaml'], { 'rules.yaml': text, 'test.yaml': stringify(test) })
}
