-- Note one recovery attempt on a circuit: its history, and a tally per method and browser.
--
-- KEYS     those of circuit.lua for one circuit, then P:recoveries:<name>, P:recovered:<name>
-- ARGV[1]  the recovery as a JSON object, to be completed by its Redis time `at`
-- ARGV[2]  "method|browser"; ARGV[3] 1 if it succeeded, else 0
-- ARGV[4]  recoveries kept; ARGV[5] tallies kept (a new one beyond goes to "other|other")
-- Returns  1, or 0 where Redis doesn't know the circuit
local now = clock()
local key, history, tally = KEYS[3], KEYS[6], KEYS[7]
local idle_seconds = redis.call('HGET', key, 'idle_seconds')
if not idle_seconds then
  return 0
end
local recovery = cjson.decode(ARGV[1])
recovery.at = now
redis.call('LPUSH', history, cjson.encode(recovery))
redis.call('LTRIM', history, 0, ARGV[4] - 1)

local kind = ARGV[2]
if redis.call('HEXISTS', tally, kind) == 0 and redis.call('HLEN', tally) >= tonumber(ARGV[5]) then
  kind = 'other|other'
end
local attempts, succeeded = string.match(redis.call('HGET', tally, kind) or '0 0', '(%d+) (%d+)')
redis.call('HSET', tally, kind, (attempts + 1) .. ' ' .. (succeeded + ARGV[3]))
redis.call('HINCRBY', key, 'recovery_attempts', 1)
redis.call('HINCRBY', key, 'recoveries', ARGV[3])
for _, kept in ipairs({history, tally}) do
  redis.call('EXPIRE', kept, math.ceil(idle_seconds))
end
changes().touch(1, now)
return 1
