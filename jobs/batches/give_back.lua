-- Put the same attempt back into its queue at once: its worker is leaving, the test did nothing wrong.
-- ARGV: batch, test, number, fence, message
-- Reply: stale | sent | cancelled (queued without a message: the caller closes the test)
local test = ARGV[2]
local row = read_row(test)
if not holds(row, ARGV[3], ARGV[4]) then
  return 'stale'
end
emit('given_back', 'test', test, 'number', row.number, 'queue', row.queue, 'owner', row.owner)
row.owner, row.call = nil, nil
move(test, row, 'queued', row.queue, now())
write_row(test, row)
if is_cancelled() then
  return 'cancelled'
end
push(row.queue, ARGV[5], true)
return 'sent'
