import { after, before, describe, it } from 'node:test'
import type { RedisOptions } from '@millrace/cache'
import { eventually } from '@millrace/testing'
import { homeOf, moveSlot, slotOf, startCluster, startReplica } from '../redis/nodes.ts'
import { Server, skip } from '../redis/server.ts'
import { survive, three } from './survive.ts'
import { trafficKeys } from './traffic.ts'

const isMaster = async (server: Server): Promise<boolean> => (await server.ask('role'))[0] === 'master'

describe('three caches under load, and', { skip, concurrency: false }, () => {
  it('a master that is lost, and three Sentinels that make another', async (t) => {
    await using master = await Server.start()
    await using replica = await Server.start('--replicaof', '127.0.0.1', String(master.port))
    // A Sentinel asks the master for its replicas when it begins, and then only every ten seconds.
    await eventually('the replica follows', async () =>
      String(await master.ask('info', 'replication')).includes('state=online'),
    )
    const lines = [
      `sentinel monitor mymaster 127.0.0.1 ${master.port} 2`,
      'sentinel down-after-milliseconds mymaster 400',
      'sentinel failover-timeout mymaster 2000',
    ]
    await using one = await Server.sentinel(lines)
    await using two = await Server.sentinel(lines)
    await using three_ = await Server.sentinel(lines)
    const sentinels = [one, two, three_]
    const knows = async (sentinel: Server): Promise<boolean> =>
      (await sentinel.ask('sentinel', 'sentinels', 'mymaster')).length === 2 &&
      (await sentinel.ask('sentinel', 'replicas', 'mymaster')).length === 1
    for (const sentinel of sentinels) await eventually('all is known', () => knows(sentinel))
    await survive(t, {
      sources: three({
        node: { name: 'mymaster', sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })) },
      }),
      harm: () => master.kill(),
      heal: () => eventually('there is another master', () => isMaster(replica)),
      lossy: true,
    })
  })
})

describe('three caches under load, and a Redis Cluster that', { skip, concurrency: false }, () => {
  let nodes: Server[] = []
  let sources: RedisOptions[] = []
  before(async () => {
    nodes = await startCluster()
    sources = three({ cluster: { nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) } })
  })
  after(async () => {
    for (const node of nodes) await node.stop()
  })

  it('moves slots', async (t) => {
    const [from, to] = nodes
    if (from === undefined || to === undefined) throw new Error('no nodes')
    const slots = trafficKeys.filter((key) => homeOf(key) === 0).map(slotOf)
    await survive(t, {
      sources,
      harm: async () => {
        for (const slot of slots) await moveSlot(nodes, slot, [from, to])
      },
      lasts: 500,
    })
  })

  it('loses a node for a while', async (t) => {
    const lost = nodes[2]
    await survive(t, { sources, harm: () => lost?.kill(), heal: () => lost?.start(), lossy: true })
  })

  it('loses a node, and its replica takes over', async (t) => {
    const lost = nodes[2]
    if (lost === undefined) throw new Error('no node')
    const replica = await startReplica(lost)
    nodes.push(replica)
    await survive(t, {
      sources,
      harm: () => lost.kill(),
      heal: () => eventually('the replica is master', () => isMaster(replica)),
      lossy: true,
    })
  })
})
