import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Meter } from '@opentelemetry/api'

/**
 * How the process itself does, by the names of the semantic conventions:
 * https://opentelemetry.io/docs/specs/semconv/system/process-metrics/ and …/runtime/
 */
export const observeProcess = (meter: Meter): void => {
  const cpu = meter.createObservableCounter('process.cpu.time', { unit: 's' })
  cpu.addCallback((result) => {
    const { user, system } = process.cpuUsage()
    result.observe(user / 1e6, { 'cpu.mode': 'user' })
    result.observe(system / 1e6, { 'cpu.mode': 'system' })
  })
  const uptime = meter.createObservableGauge('process.uptime', { unit: 's' })
  uptime.addCallback((result) => result.observe(process.uptime()))
  const memory = meter.createObservableUpDownCounter('process.memory.usage', { unit: 'By' })
  memory.addCallback((result) => result.observe(process.memoryUsage.rss()))

  const used = meter.createObservableUpDownCounter('v8js.memory.heap.used', { unit: 'By' })
  used.addCallback((result) => {
    for (const space of getHeapSpaceStatistics())
      result.observe(space.space_used_size, { 'v8js.heap.space.name': space.space_name })
  })
  const limit = meter.createObservableUpDownCounter('v8js.memory.heap.limit', { unit: 'By' })
  limit.addCallback((result) => result.observe(getHeapStatistics().heap_size_limit))

  const utilization = meter.createObservableGauge('nodejs.eventloop.utilization', { unit: '1' })
  let before = performance.eventLoopUtilization()
  utilization.addCallback((result) => {
    const now = performance.eventLoopUtilization()
    result.observe(performance.eventLoopUtilization(now, before).utilization)
    before = now
  })
}
