import { parentPort, workerData } from 'node:worker_threads'
import { isHostName } from './hosts.ts'
import { underSuite } from './under-suite.ts'

if (!isHostName(workerData)) throw new TypeError(`expected the name of a host, got ${workerData}`)
parentPort?.postMessage(await underSuite(workerData))
