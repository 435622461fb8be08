-- Move some of a batch's messages to their queues, the first test's first (of high priority: the last one's first, as
-- each goes before all that are there). Whoever calls it, and however often, it goes on
-- where it stopped.
-- ARGV: batch, most messages to move
-- Reply: 1 | 0 (none are left)
local room = tonumber(ARGV[2])
local side, other = 'RIGHT', 'LEFT'
if redis.call('HGET', BATCH, 'priority') == 'high' then
  side, other = other, side
end
local queues = redis.call('HGET', BATCH, 'queues')
for _, queue in ipairs(queues and cjson.decode(queues) or {}) do
  local feed, list = FEED .. queue, list_of(queue)
  while room > 0 and redis.call('LMOVE', feed, list, side, other) do
    room = room - 1
  end
end
if room > 0 then
  redis.call('SREM', FEEDING, ARGV[1])
  return 0
end
return 1
