import { Server } from 'node:http'
import { Session } from 'node:inspector/promises'
import type { Groups } from './group.ts'
import { hotSpots } from './hot-spots.ts'
import { cpuOf } from './machine.ts'
import type { Question } from './serving.ts'

// The process that serves one contender: says on which port, then answers questions about itself.

const [module = '', group = '', name = ''] = process.argv.slice(2)
const { groups }: { readonly groups: Groups } = await import(module)
const contender = groups[group]?.contenders[name]
if (!contender) throw new RangeError(`no contender "${group}/${name}"`)

const tell = (message: string | number): void => {
  process.send?.(message)
}

const made = await contender.server()
const pids = made instanceof Server ? [] : made.pids

const session = new Session()

const answers: Readonly<Record<Question, () => Promise<void>>> = {
  async cpu() {
    const { user, system } = process.cpuUsage()
    tell(user + system + (await cpuOf(pids)))
  },
  async profile() {
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 200 })
    await session.post('Profiler.start')
    tell('started')
  },
  async 'hot spots'() {
    const { profile } = await session.post('Profiler.stop')
    tell(hotSpots(profile))
  },
}

process.on('message', (question: Question) => void answers[question]())
process.once('disconnect', () => process.exit())

if (made instanceof Server) {
  made.listen(0, '127.0.0.1', () => {
    const address = made.address()
    if (typeof address === 'object' && address !== null) tell(address.port)
  })
} else tell(made.port)
