-- Take over an expired lease, to send its test on. The holder is fenced off from here on; the taker has a lease like
-- any other, so if it dies the next one takes over.
-- ARGV: batch, test, lease seconds
-- Reply: false | {claimed, row (owner: the old holder), spec, history or false, header}
local test = ARGV[2]
local member, row, time = ARGV[1] .. ':' .. test, read_row(test), now()
if not row or row.status ~= 'running' then
  -- The batch's keys were deleted from outside; every script of ours moves row and lease together.
  redis.call('ZREM', LEASES, member)
  return false
end
local ends = redis.call('ZSCORE', LEASES, member)
if not ends or tonumber(ends) > time then
  return false
end
row.fence, row.call = row.fence + 1, nil
write_row(test, row)
redis.call('ZADD', LEASES, time + tonumber(ARGV[3]), member)
return {
  'claimed', cjson.encode(row), redis.call('HGET', SPECS, test), redis.call('HGET', HISTORY, test),
  redis.call('HGET', BATCH, 'header'),
}
