-- Take a permit on every circuit, or on none. Keys: circuit.lua.
--
-- ARGV[1]  calls rejected by the caller's own notes since its last trip, one number a circuit ('' when there are none)
-- Returns  a token (string) to hand to record.lua: one "generation" or "generation:permit" a circuit
--      or  {'rejected', i, state, wait_ms, ...} for each circuit in the way
--      or  {'missing', i, ...} for each circuit that Redis doesn't know (declare.lua, then again)
local now = clock()
local tokens, rejected, missing = {}, {'rejected'}, {'missing'}
local probes = {}

if ARGV[1] ~= '' then
  local i = 0
  for count in string.gmatch(ARGV[1], '%d+') do
    i = i + 1
    if count ~= '0' and redis.call('EXISTS', KEYS[3 * i]) == 1 then
      redis.call('HINCRBY', KEYS[3 * i], 'rejected', count)
    end
  end
end

for i = 1, circuits() do
  local state, generation, wait = look(i, now)
  if not state then
    missing[#missing + 1] = i
  elseif wait ~= 0 then
    redis.call('HINCRBY', KEYS[3 * i], 'rejected', 1)
    local n = #rejected
    rejected[n + 1], rejected[n + 2], rejected[n + 3] = i, state, wait
  elseif state == 'half_open' then
    probes[#probes + 1] = i
    tokens[i] = generation
  else
    tokens[i] = generation
  end
end

if #missing > 1 then
  return missing
end
if #rejected > 1 then
  return rejected
end
for _, i in ipairs(probes) do
  local key = KEYS[3 * i]
  local permit = redis.call('HINCRBY', key, 'permits_issued', 1)
  local ends = now + redis.call('HGET', key, 'probe_seconds')
  redis.call('ZADD', KEYS[3 * i + 2], ends, permit)
  redis.call('EXPIREAT', KEYS[3 * i + 2], math.ceil(ends) + 60)
  tokens[i] = tokens[i] .. ':' .. permit
end
return table.concat(tokens, ' ')
