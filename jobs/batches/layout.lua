-- The layout of all keys, and the few moves that every script makes of. Prefixed to each script: one source of truth.
--
-- <p> is the store's prefix, <b> a batch id. Batches need one Redis, as Celery's queues do (no Cluster): the key of a
-- queue's waiting tests is derived from the queue's name.
--   KEYS[1]  <p>:batch:<b>           hash    header (JSON), digest, state (open | finished), left, queues (JSON),
--                                            priority, fail_fast (1: the first failure cancels), cancelled (time),
--                                            why (it was cancelled)
--   KEYS[2]  <p>:batch:<b>:rows      hash    test -> row, JSON: {status, number, fence, queue, browser, level, strategy,
--                                            adjustments (JSON text), owner (JSON text), call (that claimed it), claimed_at,
--                                            first_claimed_at}
--                                            status: queued | running | parked | done; absent field: none
--   KEYS[3]  <p>:batch:<b>:specs     hash    test -> spec, JSON
--   KEYS[4]  <p>:batch:<b>:history   hash    test -> records of its ended attempts, JSON texts joined by ","
--   KEYS[5]  <p>:batch:<b>:verdicts  list    verdicts, JSON, in the order in which they were written
--   KEYS[6]  <p>:batch:<b>:counts    hash    <status>:<queue>, outcome:<outcome>, late
--   KEYS[7]  <p>:batch:<b>:events    stream  capped
--   KEYS[8]  <p>:batch:<b>:parked    set     parked tests of this batch
--   KEYS[9]  <p>:batch:<b>:queued:   + queue: zset, test -> since when it waits there
--   KEYS[10] <p>:batch:<b>:feed:     + queue: list, messages not yet moved to the queue, ordered as there
--   KEYS[11] <p>:batches:leases      zset    <b>:<test> -> end of its lease
--   KEYS[12] <p>:batches:parked      zset    <b>:<test> -> when it is due
--   KEYS[13] <p>:batches:open        set     batches that are not finished
--   KEYS[14] <p>:batches:feeding     set     batches with messages left in feed:
--   KEYS[15] <p>:batches:cancelling  set     cancelled batches that are not finished
--   KEYS[16] <p>:batches:recent      zset    batch -> when it was published; the latest 1,000, finished ones too
--   KEYS[17] <p>:batches:front       hash    list of a queue -> since when its latest test had waited that came in its turn
--   KEYS[18] <p>:totals              hash    what the farm did so far, for metrics (names: totals.py)
--            <p>:totals:<node>       hash    what a worker did of it: attempts only; forgotten a week after the last
-- Besides: <p>:batch:<b>:staged:<token>:… (publish.py), <p>:batches:reaper (reaper.py), <p>:nodes… (presence.py).
-- A queue of Celery's is the list of the queue's own name: LPUSH in, BRPOP out. A batch of high priority goes in at the
-- other end, before all others; one of low priority into the list that workers look at when that one is empty.
-- ARGV[1] is always the batch id; times are seconds.

local BATCH, ROWS, SPECS, HISTORY, VERDICTS, COUNTS, EVENTS, PARKED_HERE =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local QUEUED, FEED, LEASES, PARKED, OPEN, FEEDING, CANCELLING, RECENT, FRONT, TOTALS =
  KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local EVENTS_KEPT = 10000
-- Upper bounds of the buckets (s) that durations are counted in.
local BUCKETS = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}
-- The name that kombu gives to the list of its priority 6.
local LOW = '\6\0226'

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function read_row(test)
  local text = redis.call('HGET', ROWS, test)
  return text and cjson.decode(text) or nil
end

local function write_row(test, row)
  redis.call('HSET', ROWS, test, cjson.encode(row))
end

local function is_cancelled()
  return redis.call('HEXISTS', BATCH, 'cancelled') == 1
end

-- Whether a claim (number, fence) is still the one that holds the test: the fence of every step of a holder.
local function holds(row, number, fence)
  return row and row.status == 'running' and row.number == tonumber(number) and row.fence == tonumber(fence)
end

local function emit(kind, ...)
  redis.call('XADD', EVENTS, 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', kind, 'at', string.format('%.6f', now()), ...)
end

-- Count a duration, in its bucket and in the sum, under a name such as `attempt:chrome`.
local function measure(totals, name, seconds)
  local bucket = 'inf'
  for _, bound in ipairs(BUCKETS) do
    if seconds <= bound then
      bucket = bound
      break
    end
  end
  redis.call('HINCRBY', totals, name .. ':' .. bucket, 1)
  redis.call('HINCRBYFLOAT', totals, name .. ':sum', string.format('%.3f', seconds))
end

-- Count an attempt that ended. `record` is an AttemptRecord, decoded.
local function count_attempt(record)
  local browser = type(record.browser) == 'string' and record.browser or 'none'
  local of_node = TOTALS .. ':' .. record.worker
  for _, totals in ipairs({TOTALS, of_node}) do
    redis.call('HINCRBY', totals, 'attempts:' .. record.outcome .. ':' .. browser, 1)
    measure(totals, 'attempt:' .. browser, record.seconds)
  end
  redis.call('EXPIRE', of_node, 7 * 24 * 3600)
  -- As recovery/statistics.py has it: a recovery that never ran is none, one that gave any result succeeded.
  if type(record.level) == 'number' and record.outcome ~= 'circuit_open' then
    local outcome = type(record.failure_type) == 'string' and 'failed' or 'succeeded'
    redis.call('HINCRBY', TOTALS, 'recoveries:' .. record.level .. ':' .. browser .. ':' .. outcome, 1)
  end
end

-- The list that this batch's messages for a queue lie in; `priority` is the batch's, where that is known.
local function list_of(queue, priority)
  return (priority or redis.call('HGET', BATCH, 'priority')) == 'low' and queue .. LOW or queue
end

-- Push a message to its queue; `first`: it has waited its turn already.
local function push(queue, message, first)
  local side = (first or redis.call('HGET', BATCH, 'priority') == 'high') and 'RPUSH' or 'LPUSH'
  redis.call(side, list_of(queue), message)
end

-- Nothing of this batch is to be claimed or fed from here on.
local function mark_cancelled(why, by)
  if redis.call('HSETNX', BATCH, 'cancelled', now()) == 0 then
    return
  end
  redis.call('HSET', BATCH, 'why', why)
  for _, queue in ipairs(cjson.decode(redis.call('HGET', BATCH, 'queues'))) do
    redis.call('UNLINK', FEED .. queue)
  end
  redis.call('SREM', FEEDING, ARGV[1])
  redis.call('SADD', CANCELLING, ARGV[1])
  emit('cancelled', 'by', by)
end

-- Take a test out of where its row says it is, put it where it goes, and count both. `score` is the time that the
-- new place orders by: since when queued, end of the lease, when due. The caller writes the row.
local function move(test, row, status, queue, score)
  local member = ARGV[1] .. ':' .. test
  redis.call('HINCRBY', COUNTS, row.status .. ':' .. row.queue, -1)
  if row.status == 'queued' then
    redis.call('ZREM', QUEUED .. row.queue, test)
  elseif row.status == 'running' then
    redis.call('ZREM', LEASES, member)
  elseif row.status == 'parked' then
    redis.call('ZREM', PARKED, member)
    redis.call('SREM', PARKED_HERE, test)
  end
  row.status, row.queue = status, queue
  redis.call('HINCRBY', COUNTS, status .. ':' .. queue, 1)
  if status == 'queued' then
    redis.call('ZADD', QUEUED .. queue, score, test)
  elseif status == 'running' then
    redis.call('ZADD', LEASES, score, member)
  elseif status == 'parked' then
    redis.call('ZADD', PARKED, score, member)
    redis.call('SADD', PARKED_HERE, test)
  end
end

-- Close the attempt that ran and describe the next one; `attempt` is JSON: {browser, level, strategy, adjustments}.
local function advance(test, row, record, attempt)
  local history = redis.call('HGET', HISTORY, test)
  redis.call('HSET', HISTORY, test, history and (history .. ',' .. record) or record)
  count_attempt(cjson.decode(record))
  local described = cjson.decode(attempt)
  row.number = row.number + 1
  row.browser, row.level = described.browser, described.level
  row.strategy, row.adjustments = described.strategy, described.adjustments
end

-- Count a verdict: it is written once, so it counts once. Those of a cancelled batch ran nothing and come in thousands.
local function count_verdict(outcome, verdict)
  local told = cjson.decode(verdict)
  redis.call('HINCRBY', TOTALS, 'verdicts:' .. outcome .. ':' .. told.asked_browser, 1)
  if outcome == 'cancelled' then
    return
  end
  -- A user's own test has no model: its kind stands for it.
  measure(TOTALS, 'test:' .. (type(told.model_type) == 'string' and told.model_type or told.kind), told.seconds)
  for _, mark in ipairs({'recovered', 'degraded', 'simulated'}) do
    if told[mark] then
      redis.call('HINCRBY', TOTALS, 'marks:' .. mark, 1)
    end
  end
  local last = told.attempts[#told.attempts]
  if last then
    count_attempt(last)
  end
end

-- Write a test's verdict; with the batch's last one the batch is finished and its keys get their expiry.
local function settle(test, row, verdict, outcome, expiry)
  move(test, row, 'done', row.queue)
  write_row(test, row)
  redis.call('RPUSH', VERDICTS, verdict)
  redis.call('HINCRBY', COUNTS, 'outcome:' .. outcome, 1)
  emit('verdict', 'test', test, 'number', row.number, 'queue', row.queue, 'verdict', verdict)
  count_verdict(outcome, verdict)
  if redis.call('HINCRBY', BATCH, 'left', -1) > 0 then
    if (outcome == 'failed' or outcome == 'error') and redis.call('HEXISTS', BATCH, 'fail_fast') == 1 then
      mark_cancelled('fail_fast', '')
    end
    return
  end
  redis.call('HSET', BATCH, 'state', 'finished')
  redis.call('SREM', OPEN, ARGV[1])
  redis.call('SREM', CANCELLING, ARGV[1])
  emit('finished')
  for index = 1, 7 do
    redis.call('EXPIRE', KEYS[index], expiry)
  end
end

