import assert from 'node:assert/strict'
import { Transform, type TransformCallback } from 'node:stream'
import { describe, it } from 'node:test'
import { settled } from '@millrace/testing'
import fc from 'fast-check'
import { Intake } from '../src/intake.ts'

const kind = 2

/** An encoder that works when it is told to, and reads what it was given only then, as another thread would. */
class ByHand extends Transform {
  readonly log: string[] = []
  readonly #todo: { readonly chunk: Buffer; readonly done: TransformCallback }[] = []

  get isBusy(): boolean {
    return this.#todo.length > 0
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#todo.push({ chunk, done })
  }

  override _flush(done: TransformCallback): void {
    this.log.push('end')
    done()
  }

  flush(asked?: number): void {
    this.log.push(`flush ${asked}`)
  }

  async work(): Promise<void> {
    const next = this.#todo.shift()
    this.log.push(String(next?.chunk))
    next?.done()
    await settled()
  }
}

describe('an intake', () => {
  it('gives in one piece what comes while the encoder works', async () => {
    const encoder = new ByHand()
    const intake = new Intake(encoder)
    for (const text of ['a', 'b', 'c', 'd']) await intake.write(Buffer.from(text))
    await encoder.work()
    await encoder.work()
    assert.equal(encoder.isBusy, false)
    assert.deepEqual(encoder.log, ['a', 'bcd'])
  })

  it('flushes what has come so far', async () => {
    const encoder = new ByHand()
    const intake = new Intake(encoder)
    await intake.write(Buffer.from('a'))
    await intake.write(Buffer.from('b'))
    intake.flush(kind)
    assert.equal(encoder.writableLength, 2)
    assert.deepEqual(encoder.log, ['flush 2'])
  })

  it('flushes at rest when the encoder has done what it was given, and once', async () => {
    const encoder = new ByHand()
    const intake = new Intake(encoder)
    await intake.write(Buffer.from('a'))
    intake.flushAtRest(kind)
    await intake.write(Buffer.from('b'))
    intake.flushAtRest(kind)
    assert.deepEqual(encoder.log, [])
    await encoder.work()
    assert.deepEqual(encoder.log, ['a'])
    await encoder.work()
    assert.deepEqual(encoder.log, ['a', 'b', 'flush 2'])
    intake.flushAtRest(kind)
    assert.deepEqual(encoder.log, ['a', 'b', 'flush 2', 'flush 2'])
  })

  it('ends after what it holds', async () => {
    const encoder = new ByHand()
    const intake = new Intake(encoder)
    await intake.write(Buffer.from('a'))
    await intake.write(Buffer.from('b'))
    intake.end()
    await encoder.work()
    await encoder.work()
    assert.deepEqual(encoder.log, ['a', 'b', 'end'])
  })

  it('lets who writes wait while both buffers are given, and go on when one is free or the encoder gone', async () => {
    for (const isGone of [false, true]) {
      const encoder = new ByHand()
      const intake = new Intake(encoder)
      let isDone = false
      const writing = intake.write(Buffer.alloc(3 * 64 * 1024, 'x')).then(() => {
        isDone = true
      })
      await settled()
      assert.equal(isDone, false)
      if (isGone) encoder.destroy()
      else await encoder.work()
      await writing
    }
  })

  it('gives all that was written, in order, whoever writes over it', async () => {
    const writes = fc.array(fc.integer({ min: 1, max: 150_000 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(writes, fc.array(fc.boolean(), { minLength: 1 }), async (lengths, works) => {
        const encoder = new ByHand()
        const intake = new Intake(encoder)
        const expected: Buffer[] = []
        const writing = (async () => {
          for (const [i, length] of lengths.entries()) {
            const bytes = Buffer.alloc(length, 97 + i)
            expected.push(Buffer.from(bytes))
            await intake.write(bytes)
            bytes.fill(0)
          }
          intake.end()
        })()
        for (let turn = 0; !encoder.log.includes('end'); turn++) {
          if (encoder.isBusy && works[turn % works.length]) await encoder.work()
          else if (encoder.isBusy && turn % 7 === 6) await encoder.work()
          else await settled()
        }
        await writing
        encoder.log.pop()
        assert.ok(encoder.log.join('') === Buffer.concat(expected).toString())
      }),
      { numRuns: 30 },
    )
  })
})
