-- Some tests of a batch that wait, queued or parked.
-- ARGV: batch, most tests to name
-- Reply: {{test, row, spec, history or false}, …}
local room, found = tonumber(ARGV[2]), {}
local function add(tests)
  for _, test in ipairs(tests) do
    found[#found + 1] = {
      test, redis.call('HGET', ROWS, test), redis.call('HGET', SPECS, test), redis.call('HGET', HISTORY, test),
    }
  end
  room = room - #tests
end
local counts = redis.call('HGETALL', COUNTS)
for index = 1, #counts, 2 do
  local queue = string.match(counts[index], '^queued:(.+)$')
  if queue and room > 0 then
    add(redis.call('ZRANGE', QUEUED .. queue, 0, room - 1))
  end
end
if room > 0 then
  add(redis.call('SRANDMEMBER', PARKED_HERE, room))
end
return found
