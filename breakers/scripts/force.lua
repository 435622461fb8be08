-- An operator's word: put circuits into a state, whatever their outcomes say. Keys: circuit.lua.
--
-- ARGV[1]  'closed' (reset: afresh, open time included), 'forced_open' or 'disabled'
-- ARGV[2]  the reason, for the history
-- Returns  the number of circuits that Redis knew
local now = clock()
local orders = {closed = CLOSED, forced_open = FORCED_OPEN, disabled = DISABLED}
local known = 0
for i = 1, circuits() do
  if redis.call('EXISTS', KEYS[3 * i]) == 1 then
    known = known + 1
    redis.call('HSET', KEYS[3 * i], 'opens_in_a_row', 0)
    changes().move(i, orders[ARGV[1]], ARGV[2], now)
  end
end
return known
