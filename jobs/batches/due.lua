-- What time has run out for: expired leases and due parked tests, longest overdue first. Nothing is moved.
-- ARGV: -, most of each to name
-- Reply: {expired, due}, each a list of <batch>:<test>
local time = now()
return {
  redis.call('ZRANGEBYSCORE', LEASES, '-inf', time, 'LIMIT', 0, ARGV[2]),
  redis.call('ZRANGEBYSCORE', PARKED, '-inf', time, 'LIMIT', 0, ARGV[2]),
}
