-- End the attempt, queue the next one. In a cancelled batch no message is pushed: the caller closes the test.
-- ARGV: batch, test, number, fence, record, attempt (JSON), queue, message
-- Reply: stale | sent | cancelled
local test, queue = ARGV[2], ARGV[7]
local row = read_row(test)
if not holds(row, ARGV[3], ARGV[4]) then
  return 'stale'
end
emit('failed', 'test', test, 'number', row.number, 'queue', row.queue, 'record', ARGV[5], 'next', ARGV[6],
  'next_queue', queue, 'in_place', '')
advance(test, row, ARGV[5], ARGV[6])
row.owner, row.call = nil, nil
move(test, row, 'queued', queue, now())
write_row(test, row)
if is_cancelled() then
  return 'cancelled'
end
push(queue, ARGV[8])
return 'sent'
