-- Change settings of one circuit for every process. Keys: circuit.lua.
--
-- ARGV  name, value, name, value, ... ('' for None). A version of 0 (nobody asked for these settings) becomes 1.
-- Returns  1, or 0 where Redis doesn't know the circuit
local now = clock()
if redis.call('EXISTS', KEYS[3]) == 0 then
  return 0
end
local fields, values = {}, {}
for n = 1, #ARGV, 2 do
  fields[#fields + 1], values[#values + 1] = ARGV[n], ARGV[n + 1]
end
put_in_force(1, fields, values, now)
if redis.call('HGET', KEYS[3], 'version') == '0' then
  redis.call('HSET', KEYS[3], 'version', 1)
end
tell_settings(1, now)
return 1
