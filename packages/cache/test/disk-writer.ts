import { disk } from '../src/disk.ts'
import { encodeFrame } from '../src/frame.ts'

/** Writes to the disk tier at the path that it is given until it is killed, or as often as it is told; tells of each
 * round. */
const [, , path = '', name = '', rounds = 'Infinity'] = process.argv

const tier = disk({ path, maxSize: '4mb' })
await tier.start?.()
let failures = 0
for (let round = 0; round < Number(rounds); round++) {
  const items = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const key = `${name}-${(round * 7 + index) % 400}`
      const at = Date.now()
      const value = { key, text: key.repeat(1 + ((round * index) % 900)) }
      const frame = await encodeFrame(
        { value, createdAt: at, freshUntil: at, staleUntil: at },
        { compression: false },
      )
      return { key, frame, at, expiresAt: at + 60_000 + index }
    }),
  )
  try {
    await tier.setMany(items)
    await tier.deleteMany([`${name}-${round % 400}`], Date.now())
  } catch (error) {
    if (failures++ === 0) process.send?.({ failed: String(error) })
  }
  process.send?.('wrote')
}
await tier.stop?.()
process.send?.('ended')
process.disconnect?.()
