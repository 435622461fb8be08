-- Move some of a batch's messages to their queues, oldest first. Whoever calls it, and however often, it goes on
-- where it stopped.
-- ARGV: batch, most messages to move
-- Reply: 1 | 0 (none are left)
local room = tonumber(ARGV[2])
local queues = redis.call('HGET', BATCH, 'queues')
for _, queue in ipairs(queues and cjson.decode(queues) or {}) do
  local feed = FEED .. queue
  while room > 0 and redis.call('RPOPLPUSH', feed, queue) do
    room = room - 1
  end
end
if room > 0 then
  redis.call('SREM', FEEDING, ARGV[1])
  return 0
end
return 1
