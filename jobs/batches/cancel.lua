-- Mark a batch cancelled: nothing of it can be claimed or fed from here on. Its waiting tests are closed by close.lua.
-- ARGV: batch, who asked for it (may be empty)
-- Reply: unknown | finished | cancelled
local state = redis.call('HGET', BATCH, 'state')
if not state then
  return 'unknown'
elseif state == 'finished' then
  return 'finished'
end
if redis.call('HSETNX', BATCH, 'cancelled', now()) == 1 then
  for _, queue in ipairs(cjson.decode(redis.call('HGET', BATCH, 'queues'))) do
    redis.call('UNLINK', FEED .. queue)
  end
  redis.call('SREM', FEEDING, ARGV[1])
  redis.call('SADD', CANCELLING, ARGV[1])
  emit('cancelled', 'by', ARGV[2])
end
return 'cancelled'
