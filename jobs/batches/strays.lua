-- Queued tests without a message: they wait for longer than delivery takes while their queue's list is empty, or while
-- it let others pass that came much later.
-- ARGV: batch, seconds that a test must have waited, the same before those that were let pass, most tests to name
-- Reply: {test, row, test, row, …}
local room, found = tonumber(ARGV[4]), {}
if redis.call('SISMEMBER', FEEDING, ARGV[1]) == 1 then
  return found
end
local counts = redis.call('HGETALL', COUNTS)
for index = 1, #counts, 2 do
  local queue = string.match(counts[index], '^queued:(.+)$')
  if queue and room > 0 and tonumber(counts[index + 1]) > 0 then
    local list, before = list_of(queue), now() - tonumber(ARGV[2])
    if redis.call('EXISTS', list) == 1 then
      before = math.min(before, tonumber(redis.call('HGET', FRONT, list) or 0) - tonumber(ARGV[3]))
    end
    for _, test in ipairs(redis.call('ZRANGEBYSCORE', QUEUED .. queue, '-inf', before, 'LIMIT', 0, room)) do
      found[#found + 1] = test
      found[#found + 1] = redis.call('HGET', ROWS, test)
      room = room - 1
    end
  end
end
return found
