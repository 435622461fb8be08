-- Put a parked test that is due into its queue.
-- ARGV: batch, test, number, message
-- Reply: 1 | 0 (no longer parked as this attempt)
local test = ARGV[2]
local member, row = ARGV[1] .. ':' .. test, read_row(test)
if not row then
  -- The batch's keys expired.
  redis.call('ZREM', PARKED, member)
  return 0
end
local due, time = redis.call('ZSCORE', PARKED, member), now()
if row.status ~= 'parked' or row.number ~= tonumber(ARGV[3]) or not due or tonumber(due) > time or is_cancelled() then
  return 0
end
move(test, row, 'queued', row.queue, time)
write_row(test, row)
push(row.queue, ARGV[4])
return 1
