-- Claim an attempt: the only way from queued to running.
-- A call that a client repeats, as its connection broke before the reply, is answered as the first one was.
-- ARGV: batch, test, number, owner (JSON), lease seconds, name of this call
-- Reply: {refusal, holder or false, its attempt} | {claimed, row, spec, history or false, header}
local test, number = ARGV[2], tonumber(ARGV[3])
local function granted(row, header)
  return { 'claimed', cjson.encode(row), redis.call('HGET', SPECS, test), redis.call('HGET', HISTORY, test), header }
end

local header, cancelled, priority = unpack(redis.call('HMGET', BATCH, 'header', 'cancelled', 'priority'))
local row = read_row(test)
if not header or not row then
  return { 'unknown', false }
elseif row.status == 'running' and row.number == number and row.call == ARGV[6] then
  return granted(row, header)
elseif row.status == 'done' then
  return { 'done', false }
elseif cancelled then
  return { 'cancelled', false }
elseif row.number ~= number or row.status == 'parked' then
  return { 'stale', row.status == 'running' and row.owner or false, row.number }
elseif row.status == 'running' then
  return { 'leased', row.owner, row.number }
end

-- What was published and not given back came in its turn: whoever waits longer in the same list was overtaken.
if not row.fence and priority ~= 'high' then
  local list, since = list_of(row.queue, priority), redis.call('ZSCORE', QUEUED .. row.queue, test)
  if since and tonumber(since) > tonumber(redis.call('HGET', FRONT, list) or 0) then
    redis.call('HSET', FRONT, list, since)
  end
end

local time = now()
row.fence = (row.fence or 0) + 1
row.owner, row.call = ARGV[4], ARGV[6]
row.claimed_at = time
row.first_claimed_at = row.first_claimed_at or time
move(test, row, 'running', row.queue, time + tonumber(ARGV[5]))
write_row(test, row)
emit('claimed', 'test', test, 'number', number, 'queue', row.queue, 'owner', row.owner, 'browser', row.browser or '')
return granted(row, header)
