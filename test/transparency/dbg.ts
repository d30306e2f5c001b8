import './threadpool.ts'
import { http1Theatre, http2Theatre } from './execute.ts'
import * as h from './hosts.ts'
import { bare, variants } from './variants.ts'
const [host, names, json] = process.argv.slice(2)
const program = JSON.parse(json ?? '{}')
const t = { node: () => http1Theatre((p, r, v) => h.onNode(p.ops, r, v)), e5: () => http1Theatre((p, r, v) => h.onExpress5(p.ops, r, v)), k3: () => http1Theatre((p, r, v) => h.onKoa3(p.ops, r, v)), http2: () => http2Theatre((p, r, v) => h.onHttp2(p.ops, r, v)) , kh2: () => http2Theatre((p, r, v) => h.onKoaHttp2(p.ops, r, v))}
const play = t[host as 'node']()
const expected = await play(program, bare)
console.log('bare', expected)
for (const v of variants.filter((v) => names?.split(';').includes(v.name))) console.log(v.name, await play(program, v, expected))
process.exit()
