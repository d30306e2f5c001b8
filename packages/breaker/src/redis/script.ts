import { createHash } from 'node:crypto'

/**
 * For each name two sorted sets: who is alive, by until when, and what each says is open, by until when. Times are the
 * server's own, so that the processes' clocks need not agree.
 *
 * KEYS: both sets, name after name. ARGV: the process, for how long it lives, then for each name whether it still has it
 * (1 or 0), how many votes it takes back, these, how many it gives, and of each the key and for how long.
 */
const lua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local voter, life = ARGV[1], tonumber(ARGV[2])
local at = 3
local function take()
  at = at + 1
  return ARGV[at - 1]
end
local answer = { now }
for i = 1, #KEYS, 2 do
  local live, open = KEYS[i], KEYS[i + 1]
  local gone = redis.call('ZRANGEBYSCORE', live, '-inf', now, 'LIMIT', 0, 1000)
  if #gone > 0 then
    redis.call('ZREM', live, unpack(gone))
    local isGone = {}
    for _, each in ipairs(gone) do isGone[each] = true end
    for _, vote in ipairs(redis.call('ZRANGE', open, 0, -1)) do
      if isGone[string.match(vote, '^[^ ]+')] then redis.call('ZREM', open, vote) end
    end
  end
  redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
  local has = take() == '1'
  if has then redis.call('ZADD', live, now + life, voter) else redis.call('ZREM', live, voter) end
  for _ = 1, take() do redis.call('ZREM', open, voter .. ' ' .. take()) end
  for _ = 1, take() do
    local vote = voter .. ' ' .. take()
    redis.call('ZADD', open, now + take(), vote)
  end
  local last = redis.call('ZRANGE', live, -1, -1, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIREAT', live, last)
    redis.call('PEXPIREAT', open, last)
  end
  if has then
    answer[#answer + 1] = redis.call('ZCARD', live)
    answer[#answer + 1] = redis.call('ZREVRANGE', open, 0, 9999, 'WITHSCORES')
  end
end
return answer`

const sha = createHash('sha1').update(lua).digest('hex')

/** What the script needs of a client. */
export interface Evaluator {
  evalsha(sha: string, keys: number, ...args: (string | number)[]): Promise<unknown>
  eval(lua: string, keys: number, ...args: (string | number)[]): Promise<unknown>
}

/** Sent as its hash, and in full to a server that does not know it (yet, or any more). */
export const castIn = async (
  client: Evaluator,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> => {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return await client.eval(lua, keys.length, ...keys, ...args)
  }
}
