import { show } from '@millrace-examples/otlp'
import { createShop } from './app.ts'

await show('otel-koa', createShop, Number(process.env.PORT ?? 3000))
