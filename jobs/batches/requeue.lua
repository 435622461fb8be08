-- Push the message of a queued test again, for one that was lost. One too many does no harm: a claim is made once.
-- ARGV: batch, test, number, message
-- Reply: 1 | 0 (no longer queued as this attempt)
local test = ARGV[2]
local row = read_row(test)
if not row or row.status ~= 'queued' or row.number ~= tonumber(ARGV[3]) or is_cancelled() then
  return 0
end
redis.call('ZADD', QUEUED .. row.queue, now(), test)
push(row.queue, ARGV[4])
return 1
