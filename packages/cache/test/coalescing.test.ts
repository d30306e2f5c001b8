import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientGoneError, type Exchange, type Reply, reply } from '@millrace/core'
import { type Script, scriptedHandler, settled } from '@millrace/testing'
import { type Asked, counting, scene, streamed } from './ask.ts'

type Handler = Script<Exchange, Reply>

/** So many requests for the same at once, all to one handler that is answered by hand. */
const crowd = async (
  begin: (question: { readonly handler: Handler['handler'] }) => Asked,
  size: number,
): Promise<{ readonly asked: readonly Asked[]; readonly script: Handler }> => {
  const script = scriptedHandler<Exchange, Reply>()
  const asked = Array.from({ length: size }, () => begin({ handler: script.handler }))
  await settled()
  return { asked, script }
}

describe('concurrent misses', () => {
  it('run the handler once', async () => {
    const { begin, ask, counts } = scene()
    const { asked, script } = await crowd(begin, 100)
    assert.equal(script.calls.length, 1)
    script.calls[0]?.resolve(reply(200, { ETag: '"1"' }, 'shared'))
    const answers = await Promise.all(asked.map(({ answer }) => answer))
    assert.ok(answers.every(({ body }) => body === 'shared'))
    assert.equal(answers[0]?.how, 'Millrace; fwd=uri-miss; stored')
    assert.equal(answers[1]?.how, 'Millrace; fwd=uri-miss; ttl=60; collapsed')
    assert.equal((await ask()).how, 'Millrace; hit; ttl=60')
    assert.match(
      JSON.stringify(counts()),
      /"hit":1,"stale":0,"coalesced":99,"miss":1,"bypass":0,"inFlight":0/,
    )
  })

  it('share a stream when its last byte has passed', async () => {
    const { begin } = scene()
    const { asked, script } = await crowd(begin, 3)
    script.calls[0]?.resolve(reply(200, {}, streamed('a', 'b')))
    const answers = await Promise.all(asked.map(({ answer }) => answer))
    assert.deepEqual(
      answers.map(({ body }) => body),
      ['ab', 'ab', 'ab'],
    )
    assert.equal(script.calls.length, 1)
  })

  it('of different keys do not wait for each other', async () => {
    const { begin } = scene()
    const script = scriptedHandler<Exchange, Reply>()
    for (const url of ['/a', '/b', '/a?']) begin({ url, handler: script.handler })
    await settled()
    assert.equal(script.calls.length, 3)
  })

  it('share a failure, which is not kept', async () => {
    const { begin, ask, counts } = scene()
    const { asked, script } = await crowd(begin, 3)
    script.calls[0]?.resolve(reply(503, { 'Retry-After': '5' }, 'down'))
    const answers = await Promise.all(asked.map(({ answer }) => answer))
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      Array(3).fill([503, 'down']),
    )
    assert.equal(answers[2]?.field('retry-after'), '5')
    assert.equal((await ask()).body, 'ok')
    assert.match(JSON.stringify(counts()), /"inFlight":0/)
  })

  it('share an error that is thrown', async () => {
    const { begin, ask, counts } = scene()
    const { asked, script } = await crowd(begin, 3)
    const broken = new Error('broken')
    const told = Promise.all(asked.map(({ answer }) => assert.rejects(answer, broken)))
    script.calls[0]?.reject(broken)
    await told
    assert.equal(script.calls.length, 1)
    assert.match(JSON.stringify(counts()), /"inFlight":0/)
    assert.equal((await ask()).body, 'ok')
  })

  it('go by themselves when the handler refuses the one that went', async () => {
    const { begin } = scene()
    const { asked, script } = await crowd(begin, 3)
    const refusal = Object.assign(new Error('not found'), { status: 404 })
    const told = assert.rejects(asked[0]?.answer ?? Promise.resolve(), refusal)
    script.calls[0]?.reject(refusal)
    await told
    await settled()
    assert.equal(script.calls.length, 3)
    for (const call of script.calls.slice(1)) call.resolve(reply(200, {}, 'own'))
    assert.deepEqual(await Promise.all(asked.slice(1).map(async ({ answer }) => (await answer).body)), [
      'own',
      'own',
    ])
  })

  it('go by themselves, all at once, when the reply is not for them', async () => {
    const { begin } = scene()
    const { asked, script } = await crowd(begin, 4)
    script.calls[0]?.resolve(reply(200, { 'Set-Cookie': 'a=1' }, 'mine'))
    await settled()
    assert.equal(script.calls.length, 4)
    for (const call of script.calls.slice(1)) call.resolve(reply(200, {}, 'own'))
    const bodies = await Promise.all(asked.map(async ({ answer }) => (await answer).body))
    assert.deepEqual(bodies, ['mine', 'own', 'own', 'own'])
  })

  it('send the next one when the client of the one that went has left', async () => {
    const { begin } = scene()
    const { asked, script } = await crowd(begin, 3)
    const told = assert.rejects(asked[0]?.answer ?? Promise.resolve(), ClientGoneError)
    asked[0]?.exchange.leave()
    script.calls[0]?.reject(new ClientGoneError())
    await told
    await settled()
    assert.equal(script.calls.length, 2)
    script.calls[1]?.resolve(reply(200, {}, 'second'))
    assert.deepEqual(await Promise.all(asked.slice(1).map(async ({ answer }) => (await answer).body)), [
      'second',
      'second',
    ])
    assert.equal(script.calls.length, 2)
  })

  it('send the next one when that client leaves in the middle of the body', async () => {
    const { clock, mill } = scene()
    const first = scriptedHandler<Exchange, Reply>()
    const { fakeExchange } = await import('@millrace/testing')
    const leader = fakeExchange({ handler: first.handler })
    const led = mill.match('GET', '/').run(leader)
    await settled()
    const { handler, runs } = counting()
    const follower = mill.match('GET', '/').run(fakeExchange({ handler }))
    await settled()
    first.calls[0]?.resolve(reply(200, {}, streamed('a', 'b')))
    const { body } = await led
    assert.ok(body && !(body instanceof Uint8Array))
    for await (const chunk of body) {
      assert.equal(chunk.byteLength, 1)
      leader.leave()
      break
    }
    assert.equal((await follower).status, 200)
    assert.equal(runs(), 1)
    assert.equal(clock.pending, 0)
  })

  it('do not wait after a reply that was not to be kept, and the next that may be is', async () => {
    const { ask, begin } = scene()
    await ask({ handler: () => reply(200, { 'Set-Cookie': 'a=1' }, 'mine') })
    const { asked, script } = await crowd(begin, 3)
    assert.equal(script.calls.length, 3)
    for (const call of script.calls) call.resolve(reply(200, {}, 'for all'))
    for (const { answer } of asked) await answer
    assert.equal((await ask()).body, 'for all')
  })

  it('pass on a body over the limit, and do not wait for its end', async () => {
    const { begin, counts } = scene({ ttl: '1m', maxBodySize: 3 })
    const { asked, script } = await crowd(begin, 3)
    script.calls[0]?.resolve(reply(200, {}, streamed('ab', 'cd', 'ef')))
    await settled()
    assert.equal(script.calls.length, 3)
    for (const call of script.calls.slice(1)) call.resolve(reply(200, {}, 'own'))
    const bodies = await Promise.all(asked.map(async ({ answer }) => (await answer).body))
    assert.deepEqual(bodies, ['abcdef', 'own', 'own'])
    assert.match(JSON.stringify(counts()), /"inFlight":0/)
  })

  it('know a body over the limit by its length, before it comes', async () => {
    for (const [fields, body] of [
      [{ 'Content-Length': '4' }, streamed('abcd')],
      [{}, 'abcd'],
    ] as const) {
      const { ask, counts } = scene({ ttl: '1m', maxBodySize: 3 })
      const answer = await ask({ handler: () => reply(200, fields, body) })
      assert.deepEqual([answer.body, answer.how], ['abcd', 'Millrace; fwd=uri-miss; detail=size'])
      assert.match(JSON.stringify(counts()), /"hit":0/)
    }
  })

  it('keep a body that is exactly as large as the limit', async () => {
    const { ask } = scene({ ttl: '1m', maxBodySize: 3 })
    await ask({ handler: () => reply(200, {}, streamed('ab', 'c')) })
    assert.equal((await ask()).body, 'abc')
  })

  it('wait no longer than the rule says, each from when it came', async () => {
    const { begin, clock } = scene({ ttl: '1m', wait: '2s' })
    const script = scriptedHandler<Exchange, Reply>()
    const asked = [begin({ handler: script.handler })]
    await settled()
    asked.push(begin({ handler: script.handler }))
    await clock.advance(1000)
    asked.push(begin({ handler: script.handler }))
    await clock.advance(999)
    assert.equal(script.calls.length, 1)
    await clock.advance(1)
    assert.equal(script.calls.length, 2)
    await clock.advance(1000)
    assert.equal(script.calls.length, 3)
    for (const [i, call] of script.calls.entries()) call.resolve(reply(200, {}, `${i}`))
    assert.deepEqual(await Promise.all(asked.map(async ({ answer }) => (await answer).body)), ['0', '1', '2'])
    assert.equal(clock.pending, 0)
  })

  it('do not wait for what others have waited for in vain', async () => {
    const { begin, ask, clock } = scene({ ttl: '1m', wait: '2s' })
    const [hanging, script] = [scriptedHandler<Exchange, Reply>(), scriptedHandler<Exchange, Reply>()]
    const leader = begin({ handler: hanging.handler })
    await settled()
    const second = begin({ handler: script.handler })
    await clock.advance(2000)
    const [third, fourth] = [begin({ handler: script.handler }), begin()]
    await settled()
    assert.equal(script.calls.length, 2)
    script.calls[1]?.resolve(reply(200, {}, 'third'))
    for (const { answer } of [third, fourth]) assert.equal((await answer).body, 'third')
    script.calls[0]?.resolve(reply(200, {}, 'second'))
    assert.equal((await second.answer).body, 'second')
    hanging.calls[0]?.resolve(reply(200, {}, 'late'))
    assert.equal((await leader.answer).body, 'late')
    assert.equal((await ask()).body, 'third')
  })

  it('and what those get at last is kept, unless it was purged meanwhile', async () => {
    for (const isPurged of [false, true]) {
      const { begin, ask, clock, purge, counts } = scene({ ttl: '1m', wait: '2s' })
      const script = scriptedHandler<Exchange, Reply>()
      const leader = begin({ handler: script.handler })
      await settled()
      const second = begin()
      await clock.advance(2000)
      await second.answer
      assert.partialDeepStrictEqual(counts(), { inFlight: 1 })
      if (isPurged) assert.equal(await purge({ pattern: '/**' }), 1)
      script.calls[0]?.resolve(reply(200, {}, 'late'))
      await leader.answer
      assert.equal((await ask({ handler: () => reply(200, {}, 'new') })).body, isPurged ? 'new' : 'late')
      assert.partialDeepStrictEqual(counts(), { inFlight: 0 })
    }
  })

  it('have one deadline, however many of those that they wait for leave', async () => {
    const { begin, clock } = scene({ ttl: '1m', wait: '2s' })
    const { asked, script } = await crowd(begin, 4)
    const told: Promise<unknown>[] = []
    for (let i = 0; i < 2; i++) {
      await clock.advance(900)
      const leader = asked[i]
      assert.ok(leader)
      told.push(assert.rejects(leader.answer, ClientGoneError))
      leader.exchange.leave()
      script.calls[i]?.reject(new ClientGoneError())
      await settled()
      assert.equal(script.calls.length, i + 2)
    }
    await clock.advance(200)
    assert.equal(script.calls.length, 4)
    for (const call of script.calls.slice(2)) call.resolve(reply(200, {}, 'ok'))
    await Promise.all([...told, ...asked.slice(2).map(({ answer }) => answer)])
  })

  it('leave nothing behind when a reply of theirs is given up before it is read', async () => {
    const { clock, mill, counts } = scene({ ttl: '1m', wait: '2s' })
    const { fakeExchange } = await import('@millrace/testing')
    const leader = fakeExchange({ handler: () => reply(200, {}, streamed('a')) })
    await mill.match('GET', '/').run(leader)
    leader.leave()
    await clock.advance(0)
    assert.match(JSON.stringify(counts()), /"inFlight":0/)
  })
})

describe('a conditional request beside a miss', () => {
  it('leads and waits like any other, and is compared with what comes', async () => {
    const { begin } = scene()
    const script = scriptedHandler<Exchange, Reply>()
    const asked = [
      begin({ handler: script.handler, headers: { 'if-none-match': '"1"' } }),
      begin({ handler: script.handler }),
      begin({ handler: script.handler, headers: { 'if-none-match': '"0", W/"1"' } }),
      begin({ handler: script.handler, headers: { 'if-none-match': '"2"' } }),
    ]
    await settled()
    assert.equal(script.calls.length, 1)
    assert.equal(script.calls[0]?.input.headers['if-none-match'], undefined)
    script.calls[0]?.resolve(reply(200, { ETag: '"1"' }, 'whole'))
    const answers = await Promise.all(asked.map(({ answer }) => answer))
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      [
        [304, ''],
        [200, 'whole'],
        [304, ''],
        [200, 'whole'],
      ],
    )
  })
})
