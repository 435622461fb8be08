-- Lengthen a lease. The fence alone tells the holder: it stays while attempts go on in place.
-- ARGV: batch, test, fence, lease seconds
-- Reply: held | lost | cancelled (still held, but nobody wants the result any more)
local row = read_row(ARGV[2])
if not row or row.status ~= 'running' or row.fence ~= tonumber(ARGV[3]) then
  return 'lost'
end
redis.call('ZADD', LEASES, now() + tonumber(ARGV[4]), ARGV[1] .. ':' .. ARGV[2])
return is_cancelled() and 'cancelled' or 'held'
