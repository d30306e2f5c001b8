import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { settled } from '@millrace/testing'
import fc from 'fast-check'
import { type Body, type BodyObserver, BodyStream, tap } from '../src/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (whole: Uint8Array | undefined): string | undefined => whole && new TextDecoder().decode(whole)

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const each of texts) yield bytes(each)
}

async function* broken(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* chunks(...texts)
  throw new Error('source broke')
}

const streamOf = (reply: { readonly body: Body }): BodyStream => {
  assert.ok(reply.body instanceof BodyStream)
  return reply.body
}

const read = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  (await Readable.from(body).toArray()).map((chunk) => text(chunk)).join('|')

/** Notes what it sees. */
const observer = (log: string[], name = ''): BodyObserver => ({
  chunk: (chunk) => log.push(`${name}chunk ${text(chunk)}`),
  end: () => log.push(`${name}end`),
  fail: (error) => log.push(`${name}fail ${error.message}`),
})

describe('tap', () => {
  it('has bytes at once, and null as none', async () => {
    const whole = bytes('abc')
    assert.equal(await tap({ body: whole }, 3), whole)
    assert.equal(await tap({ body: whole }, 2), undefined)
    assert.deepEqual(await tap({ body: null }, 0), new Uint8Array(0))
  })

  it('has all of a stream when its last byte has passed, and the client gets the same', async () => {
    const reply: { body: Body } = { body: chunks('ab', '', 'cd') }
    const whole = tap(reply, 4)
    assert.equal(await read(streamOf(reply)), 'ab||cd')
    assert.equal(text(await whole), 'abcd')
  })

  it('gives up what is larger than its limit as soon as that is known, and the client gets all of it', async () => {
    const reply: { body: Body } = { body: chunks('ab', 'cd', 'ef') }
    const whole = tap(reply, 3)
    const iterator = streamOf(reply)[Symbol.asyncIterator]()
    await iterator.next()
    await iterator.next()
    assert.equal(await whole, undefined)
    assert.equal(text((await iterator.next()).value), 'ef')
    assert.equal((await iterator.next()).done, true)
  })

  it('has nothing of a body that breaks off, whose reader sees the error', async () => {
    const reply: { body: Body } = { body: broken('ab') }
    const whole = tap(reply, 100)
    await assert.rejects(read(streamOf(reply)), /source broke/)
    assert.equal(await whole, undefined)
  })

  it('has nothing of a body that is not read to its end, however early it is given up', async () => {
    for (const steps of [0, 1, 2]) {
      let closed = false
      const source = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield* chunks('a', 'b', 'c')
        } finally {
          closed = true
        }
      }
      const reply: { body: Body } = { body: source() }
      const whole = tap(reply, 100)
      const iterator = streamOf(reply)[Symbol.asyncIterator]()
      for (let i = 0; i < steps; i++) await iterator.next()
      await iterator.return?.()
      assert.equal(await whole, undefined)
      // A generator that has not begun has nothing to clean up.
      assert.equal(closed, steps > 0)
    }
  })

  it('keeps bytes of its own: the source may use its buffer again', async () => {
    const source = async function* (): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(2)
      for (const each of ['ab', 'cd']) {
        buffer.set(bytes(each))
        yield buffer
      }
    }
    const reply: { body: Body } = { body: source() }
    const whole = tap(reply, 100)
    await read(streamOf(reply))
    assert.equal(text(await whole), 'abcd')
  })

  it('reads nothing by itself', async () => {
    let pulled = 0
    const reply: { body: Body } = {
      body: {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            pulled++
            return { done: true, value: undefined }
          },
        }),
      },
    }
    void tap(reply, 100)
    await settled()
    assert.equal(pulled, 0)
  })

  it('has the whole of any body within its limit, and nothing of any other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 5 }),
        fc.nat(25),
        async (parts, limit) => {
          const reply: { body: Body } = { body: Readable.from(parts.map((part) => Buffer.from(part))) }
          const whole = tap(reply, limit)
          const passed = Buffer.concat(await Readable.from(streamOf(reply)).toArray())
          assert.deepEqual(passed, Buffer.concat(parts))
          const kept = await whole
          if (passed.byteLength <= limit) assert.deepEqual(kept && Buffer.from(kept), passed)
          else assert.equal(kept, undefined)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('a body that is observed', () => {
  /** What `tap` makes of any iterable can be observed by others. */
  const observed = (source: AsyncIterable<Uint8Array>): BodyStream => {
    const reply: { body: Body } = { body: source }
    void tap(reply, 0)
    return streamOf(reply)
  }

  it('shows every chunk to everyone, then its end', async () => {
    const log: string[] = []
    const body = observed(chunks('a', 'b'))
    body.observe(observer(log, '1 '))
    body.observe(observer(log, '2 '))
    await read(body)
    assert.deepEqual(log, ['1 chunk a', '2 chunk a', '1 chunk b', '2 chunk b', '1 end', '2 end'])
  })

  it('shows how it failed, once', async () => {
    const log: string[] = []
    const body = observed(broken('a'))
    body.observe(observer(log))
    const iterator = body[Symbol.asyncIterator]()
    await iterator.next()
    await assert.rejects(iterator.next())
    await iterator.return?.()
    assert.deepEqual(log, ['chunk a', 'fail source broke'])
  })

  it('shows that nobody reads on, once', async () => {
    const log: string[] = []
    const body = observed(chunks('a', 'b'))
    body.observe(observer(log))
    for await (const chunk of body) if (chunk.byteLength > 0) break
    assert.deepEqual(log, ['chunk a', 'fail the body was not read to its end'])
  })

  it('stays the same body when it is tapped again', async () => {
    const reply: { body: Body } = { body: chunks('ab') }
    const first = tap(reply, 2)
    const { body } = reply
    const second = tap(reply, 1)
    assert.equal(reply.body, body)
    await read(streamOf(reply))
    assert.deepEqual([text(await first), await second], ['ab', undefined])
  })
})
