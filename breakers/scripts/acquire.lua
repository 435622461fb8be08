-- Take a permit on every circuit, or on none. Keys: circuit.lua.
--
-- ARGV[1]  calls rejected by the caller's own notes since its last trip, one number a circuit ('' when there are none)
-- ARGV[2]  seconds that a permit's lease lasts ('' for the circuit's probe_seconds)
-- Returns  a token (string, see circuit.lua) to hand to record.lua
--      or  {'rejected', i, state, wait_ms, ...} for each circuit in the way
--      or  {'missing', i, ...} for each circuit that Redis doesn't know (declare.lua, then again)
local now
local tokens, rejected, missing, probes = {}, {'rejected'}, {'missing'}, {}

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
  local hot = redis.call('HGET', KEYS[3 * i], 'hot')
  if not hot then
    missing[#missing + 1] = i
  else
    local state, generation = struct.unpack(HOT_HEAD, hot)
    if state ~= CLOSED then
      now = now or clock()
      local wait
      state, generation, wait = changes().look(i, now)
      if wait ~= 0 then
        redis.call('HINCRBY', KEYS[3 * i], 'rejected', 1)
        local n = #rejected
        rejected[n + 1], rejected[n + 2], rejected[n + 3] = i, changes().name_of(state), wait
      elseif state == HALF_OPEN then
        probes[#probes + 1] = i
      end
    end
    tokens[i] = struct.pack(TOKEN, generation, 0)
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
  local ends = now + (tonumber(ARGV[2]) or redis.call('HGET', key, 'probe_seconds'))
  redis.call('ZADD', KEYS[3 * i + 2], ends, permit)
  redis.call('EXPIREAT', KEYS[3 * i + 2], math.ceil(ends) + 60)
  tokens[i] = struct.pack(TOKEN, struct.unpack('<I4', tokens[i]), permit)
end
return table.concat(tokens)
