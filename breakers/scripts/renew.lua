-- Lengthen the leases of a call's permits. Keys: circuit.lua.
--
-- ARGV[1]  the token of acquire.lua
-- ARGV[2]  seconds that the leases last from now on ('' for each circuit's probe_seconds)
-- Returns  1, or 0 where a permit is held no more: its lease ended, or its circuit has a new generation
local now = clock()
local held = 1
for i = 1, circuits() do
  local generation, permit = struct.unpack(TOKEN, ARGV[1], (i - 1) * TOKEN_SIZE + 1)
  if permit > 0 then
    local circuit = redis.call('HMGET', KEYS[3 * i], 'hot', 'probe_seconds')
    local permits = KEYS[3 * i + 2]
    local ends = redis.call('ZSCORE', permits, permit)
    local is_current = circuit[1] and select(2, struct.unpack(HOT_HEAD, circuit[1])) == generation
    if is_current and ends and tonumber(ends) > now then
      ends = now + (tonumber(ARGV[2]) or circuit[2])
      redis.call('ZADD', permits, ends, permit)
      redis.call('EXPIREAT', permits, math.ceil(ends) + 60)
    else
      held = 0
    end
  end
end
return held
