-- Write the verdict of the attempt that ran, once: only the current claim may.
-- ARGV: batch, test, number, fence, verdict (JSON), outcome, expiry seconds
-- Reply: 1 | 0 (a late twin, dropped and counted)
local row = read_row(ARGV[2])
if not holds(row, ARGV[3], ARGV[4]) then
  if row then
    redis.call('HINCRBY', COUNTS, 'late', 1)
  end
  return 0
end
settle(ARGV[2], row, ARGV[5], ARGV[6], tonumber(ARGV[7]))
return 1
