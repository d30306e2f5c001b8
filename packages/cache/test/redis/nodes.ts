import { eventually } from '@millrace/testing'
import { Command } from 'ioredis'
import { Server } from './server.ts'

const third = 16_384 / 3

export const slotOf = (key: string): number => new Command('get', [`millrace:v:${key}`]).getSlot()

/** Which of the three masters has a key at first. */
export const homeOf = (key: string): number => Math.floor(slotOf(key) / third)

/** A Redis Cluster of three masters that serve what is left when one is lost. */
export const startCluster = async (): Promise<Server[]> => {
  const nodes: Server[] = []
  for (let index = 0; index < 3; index++) nodes.push(await startNode())
  const [first] = nodes
  for (const [index, node] of nodes.entries()) {
    const from = Math.ceil(index * third)
    const to = Math.ceil((index + 1) * third) - 1
    await node.ask('cluster', 'addslotsrange', String(from), String(to))
    if (first !== node) await first?.ask('cluster', 'meet', '127.0.0.1', String(node.port))
  }
  const knowsAll = async (node: Server): Promise<boolean> =>
    (await node.ask('cluster', 'slots')).length === 3 &&
    String(await node.ask('cluster', 'info')).includes('state:ok')
  for (const node of nodes) await eventually('the nodes know each other', () => knowsAll(node))
  return nodes
}

const startNode = (): Promise<Server> =>
  Server.start(
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '1000',
    '--cluster-require-full-coverage',
    'no',
  )

/** Another node, which takes over from a master that is lost. */
export const startReplica = async (master: Server): Promise<Server> => {
  const replica = await startNode()
  const id = String(await master.ask('cluster', 'myid'))
  await replica.ask('cluster', 'meet', '127.0.0.1', String(master.port))
  await eventually('the replica knows its master', async () =>
    String(await replica.ask('cluster', 'nodes')).includes(id),
  )
  await replica.ask('cluster', 'replicate', id)
  await eventually('the replica follows', async () =>
    String(await replica.ask('info', 'replication')).includes('master_link_status:up'),
  )
  return replica
}

/** Moves a slot with all that is in it. */
export const moveSlot = async (
  nodes: readonly Server[],
  slot: number,
  [from, to]: readonly [Server, Server],
): Promise<void> => {
  const [fromId, toId] = [String(await from.ask('cluster', 'myid')), String(await to.ask('cluster', 'myid'))]
  await to.ask('cluster', 'setslot', String(slot), 'importing', fromId)
  await from.ask('cluster', 'setslot', String(slot), 'migrating', toId)
  for (;;) {
    const keys = await from.ask('cluster', 'getkeysinslot', String(slot), '100')
    if (keys.length === 0) break
    for (const key of keys) await from.ask('migrate', '127.0.0.1', String(to.port), String(key), '0', '1000')
  }
  for (const node of nodes) await node.ask('cluster', 'setslot', String(slot), 'node', toId)
}
