-- Give a waiting test of a cancelled batch its verdict.
-- ARGV: batch, test, number, verdict (JSON), outcome, expiry seconds
-- Reply: 1 | 0 (it no longer waits as this attempt)
local row = read_row(ARGV[2])
if not row or (row.status ~= 'queued' and row.status ~= 'parked') or row.number ~= tonumber(ARGV[3])
  or not is_cancelled() then
  return 0
end
settle(ARGV[2], row, ARGV[4], ARGV[5], tonumber(ARGV[6]))
return 1
