-- End the lease of a holder that is known to be dead.
-- ARGV: batch, test, number, owner (JSON)
-- Reply: 1 | 0 (somebody else holds the test, or nobody)
local row = read_row(ARGV[2])
if not row or row.status ~= 'running' or row.number ~= tonumber(ARGV[3]) or row.owner ~= ARGV[4] then
  return 0
end
redis.call('ZADD', LEASES, 0, ARGV[1] .. ':' .. ARGV[2])
return 1
