-- End the attempt; the next one waits, out of every queue, until it is due.
-- ARGV: batch, test, number, fence, record, attempt (JSON), queue, seconds
-- Reply: stale | parked | cancelled (parked, but the batch is cancelled: the caller closes the test)
local test, queue, due = ARGV[2], ARGV[7], now() + tonumber(ARGV[8])
local row = read_row(test)
if not holds(row, ARGV[3], ARGV[4]) then
  return 'stale'
end
emit('parked', 'test', test, 'number', row.number, 'queue', row.queue, 'record', ARGV[5], 'next', ARGV[6],
  'next_queue', queue, 'due', string.format('%.6f', due))
advance(test, row, ARGV[5], ARGV[6])
row.owner, row.call = nil, nil
move(test, row, 'parked', queue, due)
write_row(test, row)
return is_cancelled() and 'cancelled' or 'parked'
