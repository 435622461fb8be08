-- Make a staged batch real, all at once. Its messages then go to their queues by feed.lua.
-- ARGV: batch, header, digest, total, prefix of the staged keys, queues (JSON list), staged per queue (JSON list),
--       priority, 1 if the first failure cancels
-- Reply: published | same | conflict | lost
local header, digest, total, staged = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local queues, sizes = cjson.decode(ARGV[6]), cjson.decode(ARGV[7])

local known = redis.call('HGET', BATCH, 'digest')
if known then
  return known == digest and 'same' or 'conflict'
end
if redis.call('HLEN', staged .. 'specs') ~= total or redis.call('HLEN', staged .. 'rows') ~= total then
  return 'lost'
end
for index, queue in ipairs(queues) do
  if redis.call('LLEN', staged .. 'feed:' .. queue) ~= sizes[index]
    or redis.call('ZCARD', staged .. 'queued:' .. queue) ~= sizes[index] then
    return 'lost'
  end
end

local function adopt(name, key)
  redis.call('RENAME', staged .. name, key)
  redis.call('PERSIST', key)
end
redis.call('UNLINK', staged .. 'calls')
adopt('specs', SPECS)
adopt('rows', ROWS)
for index, queue in ipairs(queues) do
  adopt('queued:' .. queue, QUEUED .. queue)
  adopt('feed:' .. queue, FEED .. queue)
  redis.call('HSET', COUNTS, 'queued:' .. queue, sizes[index])
end
redis.call('HSET', BATCH, 'header', header, 'digest', digest, 'state', 'open', 'left', total, 'queues', ARGV[6],
  'priority', ARGV[8])
if ARGV[9] == '1' then
  redis.call('HSET', BATCH, 'fail_fast', 1)
end
redis.call('SADD', OPEN, ARGV[1])
redis.call('ZADD', RECENT, now(), ARGV[1])
redis.call('ZREMRANGEBYRANK', RECENT, 0, -1001)
redis.call('SADD', FEEDING, ARGV[1])
emit('published', 'total', total)
return 'published'
