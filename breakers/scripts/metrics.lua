-- All that is known of some circuits or, without circuit keys, of every circuit of the registry. Keys: circuit.lua.
--
-- ARGV[1]  the prefix P of all keys
-- ARGV[2]  number of latest recoveries wanted
-- Returns  {now, {hash as field, value, ...; window; recoveries; recovered as field, value, ...}, ...}
local now = clock()
if #KEYS == 2 then
  for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('EXISTS', ARGV[1] .. ':state:' .. name) == 1 then
      -- Not named by the caller, but of its hash tag: the same slot.
      for _, kind in ipairs({':state:', ':window:', ':permits:'}) do
        KEYS[#KEYS + 1] = ARGV[1] .. kind .. name
      end
    else
      redis.call('ZREM', KEYS[2], name)
    end
  end
end

local all = {string.format('%.6f', now)}
for i = 1, circuits() do
  if changes().look(i, now) then
    local circuit = redis.call('HMGET', KEYS[3 * i], 'name', 'recovery_attempts')
    local recoveries, recovered = {}, {}
    if circuit[2] then
      recoveries = redis.call('LRANGE', ARGV[1] .. ':recoveries:' .. circuit[1], 0, ARGV[2] - 1)
      recovered = redis.call('HGETALL', ARGV[1] .. ':recovered:' .. circuit[1])
    end
    all[#all + 1] = {redis.call('HGETALL', KEYS[3 * i]), redis.call('GET', KEYS[3 * i + 1]) or '', recoveries, recovered}
  end
end
return all
