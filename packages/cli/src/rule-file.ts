import { stringify } from 'yaml'

/** A file of Prometheus rules. */
export interface RuleFile {
  readonly groups: readonly RuleGroup[]
}

/** Rules that are evaluated together, in their order. */
export interface RuleGroup {
  readonly name: string
  readonly rules: readonly (RecordingRule | AlertRule)[]
}

export interface RecordingRule {
  readonly record: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
}

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: Severity } & Readonly<Record<string, string>>
  readonly annotations: { readonly summary: string; readonly description: string }
}

/** `page`: somebody has to look now. `ticket`: on the next working day. */
export type Severity = 'page' | 'ticket'

export const printRules = (file: RuleFile): string => stringify(file, { lineWidth: 0 })
