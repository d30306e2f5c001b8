export type { RedisVotesOptions, RedisVotesSource } from './client.ts'
export { redisVotes } from './votes.ts'
