-- Mark a batch cancelled: nothing of it can be claimed or fed from here on. Its waiting tests are closed by close.lua.
-- ARGV: batch, why, who asked for it (may be empty)
-- Reply: unknown | finished | cancelled
local state = redis.call('HGET', BATCH, 'state')
if not state then
  return 'unknown'
elseif state == 'finished' then
  return 'finished'
end
mark_cancelled(ARGV[2], ARGV[3])
return 'cancelled'
