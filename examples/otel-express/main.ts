import { show } from '@millrace-examples/otlp'
import { createShop } from './app.ts'

await show('otel-express', createShop, Number(process.env.PORT ?? 3000))
