import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { millrace } from './millrace.ts'

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`

describe('millrace explain', { concurrency: 2 }, () => {
  it('prints the layers in order, and which rule said what', async () => {
    assert.deepEqual(await millrace('good', 'explain', 'get', '/cities/5%20/near?page=2'), {
      code: 0,
      stdout: lines(
        'request   GET /cities/5%20/near?page=2',
        'site      GET /cities/:id/near',
        'patterns  /**',
        '          GET /cities/:id/near',
        "params    id = '5 '",
        '',
        'layer  stage    option  value            rule',
        'watch  observe                           /**',
        'keep   store                             GET /cities/:id/near',
        "                ttl     '1m'             GET /cities/:id/near",
        '                key     [Function: key]  GET /cities/:id/near',
      ),
      stderr: '',
    })
  })

  it('prints JSON', async () => {
    const { code, stdout } = await millrace('good', 'explain', 'GET', '/cities/5/near', '--json')
    assert.equal(code, 0)
    const from = 'GET /cities/:id/near'
    assert.deepEqual(JSON.parse(stdout), {
      method: 'GET',
      path: '/cities/5/near',
      site: from,
      patterns: ['/**', from],
      params: { id: '5' },
      layers: [
        { plugin: 'watch', stage: 'observe', options: {}, from: '/**' },
        {
          plugin: 'keep',
          stage: 'store',
          options: { ttl: { value: '1m', from }, key: { value: '[Function: key]', from } },
          from,
        },
      ],
    })
  })

  it('explains a table file', async () => {
    assert.deepEqual(await millrace('good', 'explain', 'GET', '/search', '--table', 'table.yaml'), {
      code: 0,
      stdout: lines(
        'request   GET /search',
        'site      GET /search',
        'patterns  /**',
        '          GET /search',
        '',
        'layer  stage    option  value  rule',
        'watch  observe                 /**',
        'keep   store                   GET /search',
        "                ttl     '30s'  GET /search",
      ),
      stderr: '',
    })
  })

  it('says that nothing is switched on', async () => {
    const { code, stdout } = await millrace('good', 'explain', 'POST', '/live/now')
    assert.equal(code, 0)
    assert.equal(
      stdout,
      lines(
        'request   POST /live/now',
        'site      /live/**',
        'patterns  /**',
        '          /live/**',
        '',
        'Nothing is switched on: the handler answers by itself.',
      ),
    )
  })

  it('says that no rule holds', async () => {
    const config = ['--config', '../sparse/millrace.config.ts']
    const { code, stdout } = await millrace('empty', 'explain', 'GET', '/elsewhere', ...config)
    assert.equal(code, 0)
    assert.equal(
      stdout,
      lines(
        'request  GET /elsewhere',
        'site     unmatched',
        '',
        'No rule holds: the handler answers by itself.',
      ),
    )
  })

  it('says that a path is ambiguous', async () => {
    const problem =
      "GET '/cities%2f5': ambiguous path: software reads it in more than one way, and the table says different " +
      'things about these; a host answers it with 400'
    const { code, stdout, stderr } = await millrace('good', 'explain', 'GET', '/cities%2f5', '--json')
    assert.deepEqual([code, stderr], [1, `${problem}\n`])
    assert.deepEqual(JSON.parse(stdout), { problems: [problem] })
  })
})
