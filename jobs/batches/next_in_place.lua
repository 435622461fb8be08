-- Go on to the next attempt in the same process: the lease is kept, and renewed.
-- ARGV: batch, test, number, fence, record, attempt (JSON), lease seconds
-- Reply: {stale} | {cancelled} | {ok, row}
local test, time = ARGV[2], now()
local row = read_row(test)
if not holds(row, ARGV[3], ARGV[4]) then
  return { 'stale' }
elseif is_cancelled() then
  return { 'cancelled' }
end
advance(test, row, ARGV[5], ARGV[6])
row.claimed_at = time
write_row(test, row)
redis.call('ZADD', LEASES, time + tonumber(ARGV[7]), ARGV[1] .. ':' .. test)
emit('failed', 'test', test, 'number', row.number - 1, 'queue', row.queue, 'record', ARGV[5], 'next', ARGV[6],
  'next_queue', row.queue, 'in_place', '1')
return { 'ok', cjson.encode(row) }
