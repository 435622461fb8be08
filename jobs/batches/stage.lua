-- Stage some tests of one queue. Nothing of it exists for anybody else before commit.lua.
-- A call that a client repeats, as its connection broke before the reply, changes nothing.
-- KEYS: staged calls, specs, rows, queued:<queue>, feed:<queue>
-- ARGV: name of this call, row (JSON, the same for all), since when queued, seconds to keep, tests: the lines id, spec
--       (JSON), message for each; one text, as parting so many arguments costs more than all the rest
-- Reply: tests that were new
local call, row, since, seconds = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local before = redis.call('HGET', KEYS[1], call)
if before then
  return tonumber(before)
end
local added = 0
local specs, rows, queued, messages, size = {}, {}, {}, {}, 0
local function store()
  added = added + redis.call('HSET', KEYS[2], unpack(specs))
  redis.call('HSET', KEYS[3], unpack(rows))
  redis.call('ZADD', KEYS[4], unpack(queued))
  redis.call('LPUSH', KEYS[5], unpack(messages))
  specs, rows, queued, messages, size = {}, {}, {}, {}, 0
end
local tests, place = ARGV[5], 1
-- A plain search: patterns look at each character, which would be most of the work here.
local function line()
  local stop = string.find(tests, '\n', place, true)
  local found = string.sub(tests, place, stop - 1)
  place = stop + 1
  return found
end
while place <= #tests do
  local test, spec, message = line(), line(), line()
  size = size + 1
  specs[2 * size - 1], specs[2 * size] = test, spec
  rows[2 * size - 1], rows[2 * size] = test, row
  queued[2 * size - 1], queued[2 * size] = since, test
  messages[size] = message
  -- In pieces: Lua's stack bounds how many values unpack may give.
  if size == 500 then
    store()
  end
end
if size > 0 then
  store()
end
redis.call('HSET', KEYS[1], call, added)
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, seconds)
end
return added
