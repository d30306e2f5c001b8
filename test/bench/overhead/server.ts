import { Session } from 'node:inspector/promises'
import { groups } from './groups.ts'
import { hotSpots } from './hot-spots.ts'
import type { Question } from './serving.ts'

// The process that serves one contender: says on which port, then answers questions about itself.

const [group = '', name = ''] = process.argv.slice(2)
const contender = groups[group]?.contenders[name]
if (!contender) throw new RangeError(`no contender "${group}/${name}"`)

const tell = (message: string | number): void => {
  process.send?.(message)
}

const session = new Session()

const answers: Readonly<Record<Question, () => Promise<void>>> = {
  async cpu() {
    const { user, system } = process.cpuUsage()
    tell(user + system)
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

const server = await contender.server()
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) tell(address.port)
})
