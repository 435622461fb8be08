-- Make circuits known: one that Redis has not is made with the settings given; one that it has keeps the settings in
-- force, unless those given carry a newer version. Keys: circuit.lua.
--
-- ARGV[1]  number F of settings; ARGV[2 .. F + 1] their names, `version` first
-- then for each circuit its name and F values ('' for None)
-- Returns  for each circuit its F values in force ('' for None)
local now = clock()
local amount = tonumber(ARGV[1])
local fields = {}
for n = 1, amount do
  fields[n] = ARGV[n + 1]
end

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local in_force = {}
for i = 1, circuits() do
  local key = KEYS[3 * i]
  local first = amount + 2 + (i - 1) * (amount + 1)
  local values = {}
  for n = 1, amount do
    values[n] = ARGV[first + n]
  end
  local version = redis.call('HGET', key, 'version')
  if not version then
    redis.call('DEL', key, KEYS[3 * i + 1], KEYS[3 * i + 2])
    -- What every call reads comes first: a small hash is searched from its head.
    changes().write_hot(key, {state = CLOSED, generation = 1, touch_at = 0, size = 1, failure_threshold = 0, cursor = 0,
      filled = 0, failed = 0, slow = 0, in_a_row = 0, successes = 0, failures = 0, flags = 0})
    redis.call('HSET', key, 'name', ARGV[first], 'since', now, 'opens_in_a_row', 0, 'probe_successes', 0)
    put_in_force(i, fields, values, now)
  elseif tonumber(values[1]) > tonumber(version) then
    put_in_force(i, fields, values, now)
    tell_settings(i, now)
  end
  local current = redis.call('HMGET', key, unpack(fields))
  for n = 1, amount do
    current[n] = current[n] or ''
  end
  in_force[i] = current
end
return in_force
