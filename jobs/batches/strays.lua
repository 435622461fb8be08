-- Queued tests without a message: they wait for longer than delivery takes, and their queue's list is empty.
-- ARGV: batch, seconds that a test must have waited, most tests to name
-- Reply: {test, row, test, row, …}
local room, found = tonumber(ARGV[3]), {}
if redis.call('SISMEMBER', FEEDING, ARGV[1]) == 1 then
  return found
end
local before = now() - tonumber(ARGV[2])
local counts = redis.call('HGETALL', COUNTS)
for index = 1, #counts, 2 do
  local queue = string.match(counts[index], '^queued:(.+)$')
  if queue and room > 0 and tonumber(counts[index + 1]) > 0 and redis.call('EXISTS', list_of(queue)) == 0 then
    for _, test in ipairs(redis.call('ZRANGEBYSCORE', QUEUED .. queue, '-inf', before, 'LIMIT', 0, room)) do
      found[#found + 1] = test
      found[#found + 1] = redis.call('HGET', ROWS, test)
      room = room - 1
    end
  end
end
return found
