-- How circuits look now. Keys: circuit.lua.
--
-- Returns  for each circuit {state, wait_ms} (0: calls get through; -1: until a reset); state '' where Redis has none
local now = clock()
local states = {}
for i = 1, circuits() do
  local state, _, wait = changes().look(i, now)
  states[i] = state and {changes().name_of(state), wait} or {'', 0}
end
return states
