/** A program whose collector is not there: says at the end what became of its spans. */
import { metrics, trace } from '@opentelemetry/api'
import { startSdk } from '../../src/sdk/index.ts'

const sdk = await startSdk({ endpoint: 'http://127.0.0.1:9', deadline: '2s' })
const counter = metrics.getMeter('test').createCounter('spans')
for (let i = 0; i < 50; i++) {
  for (let j = 0; j < 100; j++) trace.getTracer('test').startSpan('span').end()
  counter.add(100)
  await sdk.flush()
}
await sdk.stop()
process.stdout.write(JSON.stringify(sdk.inspect().spans))
