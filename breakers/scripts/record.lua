-- Record one call's outcome on every circuit that it had a permit of. Keys: circuit.lua, window.lua.
--
-- ARGV[1]  'success', 'failure', or 'release' (the call was given up: the permit goes back, nothing is counted)
-- ARGV[2]  seconds the call took ('' unknown)
-- ARGV[3]  the token of acquire.lua ('' for an outcome seen from outside: judged as one of the current generation)
-- ARGV[4]  of a failure, absent or the i of the circuit that is suspect: of several circuits one failure says little, so
--          it is laid at one door. If the suspect isn't closed then, it explains the failure, and the others don't count
--          it; if it was closed and the call was another's probe, that one explains it, and the suspect doesn't.
-- Returns  {} or, for each circuit with something to tell, i, what, open_ms, reason
--          (what: 'open', 'closed', 'stale', or 'missing' where Redis doesn't know the circuit)
local now = clock()
local failed, released = ARGV[1] == 'failure', ARGV[1] == 'release'
local seconds = tonumber(ARGV[2])
local told = {}

local function tell(i, what, open_ms, reason)
  local n = #told
  told[n + 1], told[n + 2], told[n + 3], told[n + 4] = i, what, open_ms, reason
end

-- What an outcome that was counted does to its circuit's state. As rare as `changes`, and made like them.
local function judge(i, state, was_slow, in_a_row, failure_threshold, flags, filled, bad, slow)
  local key = KEYS[3 * i]

  -- Open for recovery_timeout, longer each time by recovery_timeout_factor until it has stayed closed a while.
  local function open(reason)
    local c = redis.call('HMGET', key, 'since', 'opens_in_a_row', 'recovery_timeout', 'recovery_timeout_factor',
      'recovery_timeout_max', 'recovery_timeout_jitter', 'calm_seconds')
    local step, base, jitter = tonumber(c[2]), tonumber(c[3]), tonumber(c[6])
    if state == CLOSED and now - c[1] >= tonumber(c[7]) then
      step = 0
    end
    local open_seconds = math.min(base * c[4] ^ step, math.max(base, c[5]))
    if jitter > 0 then
      -- Redis seeds every script alike.
      math.randomseed(math.floor(now * 1e6) % 2147483647)
      open_seconds = open_seconds * (1 + jitter * (2 * math.random() - 1))
    end
    redis.call('HSET', key, 'opens_in_a_row', step + 1)
    changes().move(i, OPEN, reason, now, open_seconds)
    tell(i, 'open', math.ceil(open_seconds * 1000), reason)
  end

  local function judge_rates()
    local c = redis.call('HMGET', key, 'min_samples_for_stats', 'failure_rate_threshold', 'slow_call_rate_threshold')
    if filled < tonumber(c[1]) then
      return
    end
    if c[2] and bad / filled >= tonumber(c[2]) then
      open(string.format('%d of %d calls failed', bad, filled))
    elseif c[3] and slow / filled >= tonumber(c[3]) then
      open(string.format('%d of %d calls were slow', slow, filled))
    end
  end

  local function judge_probe()
    if failed then
      open('the probe failed')
    elseif was_slow and redis.call('HGET', key, 'slow_call_rate_threshold') then
      open('the probe was slow')
    else
      local successes = redis.call('HINCRBY', key, 'probe_successes', 1)
      if successes >= tonumber(redis.call('HGET', key, 'success_threshold')) then
        changes().move(i, CLOSED, 'probes succeeded', now)
        tell(i, 'closed', 0, 'probes succeeded')
      end
    end
  end

  if state == HALF_OPEN then
    judge_probe()
  elseif state == CLOSED and failure_threshold > 0 and in_a_row >= failure_threshold then
    open(in_a_row .. ' failures in a row')
  elseif state == CLOSED and flags % (2 * JUDGE_RATES) == JUDGE_RATES then
    judge_rates()
  end
end

-- Count the outcome, and judge. Plain locals, for a table would cost as much as all the arithmetic.
local function count(i, hot)
  local key, window = KEYS[3 * i], KEYS[3 * i + 1]
  local state, generation, touch_at, size, failure_threshold, cursor, filled, bad, slow, in_a_row, successes, failures,
    flags = struct.unpack(HOT, hot)
  local was_slow, oldest = false, nil
  if flags >= JUDGE_SLOW then
    local c = redis.call('HMGET', key, 'slow_call_seconds', 'window_seconds')
    was_slow = c[1] and seconds and seconds >= tonumber(c[1]) or false
    oldest = c[2] and now - c[2]
  end
  cursor, filled, bad, slow = push(window, size, cursor, filled, bad, slow, now, seconds or 0 / 0,
    (failed and FAILED or 0) + (was_slow and SLOW or 0))
  if oldest then
    filled, bad, slow = drop_old(window, size, cursor, filled, bad, slow, oldest)
  end
  if failed then
    failures = failures + 1
    in_a_row = in_a_row + 1
  else
    successes = successes + 1
    in_a_row = 0
  end
  redis.call('HSET', key, 'hot', struct.pack(HOT, state, generation, touch_at, size, failure_threshold, cursor, filled,
    bad, slow, in_a_row, successes, failures, flags))
  if was_slow then
    redis.call('HINCRBY', key, 'slow', 1)
  end
  -- A ring's first entry makes a new key, which has no expiry yet.
  if filled == 1 or now >= touch_at then
    changes().touch(i, now)
  end

  if failed or flags > 0 or state ~= CLOSED then
    judge(i, state, was_slow, in_a_row, failure_threshold, flags, filled, bad, slow)
  end
end

-- Whether the token's part for circuit i belongs to its present generation and, if it names a permit, to a lease that
-- still runs: else another probe may be in. The permit ends here.
local function is_current(i, generation)
  local held, permit = struct.unpack(TOKEN, ARGV[3], (i - 1) * TOKEN_SIZE + 1)
  if held ~= generation then
    return false
  end
  if permit == 0 then
    return true
  end
  local ends = redis.call('ZSCORE', KEYS[3 * i + 2], permit)
  redis.call('ZREM', KEYS[3 * i + 2], permit)
  return ends and tonumber(ends) > now
end

local suspect = failed and ARGV[4] and tonumber(ARGV[4])

-- Whether another circuit explains this failure of circuit i. The suspect has been asked before all others.
local is_spared = suspect and function(i)
  local hot = redis.call('HGET', KEYS[3 * suspect], 'hot')
  local state = hot and string.byte(hot)
  if i ~= suspect then
    return state == OPEN or state == HALF_OPEN or state == FORCED_OPEN
  end
  if state == CLOSED and ARGV[3] ~= '' then
    for other = 1, circuits() do
      local _, permit = struct.unpack(TOKEN, ARGV[3], (other - 1) * TOKEN_SIZE + 1)
      if other ~= suspect and permit > 0 then
        return true
      end
    end
  end
  return false
end

for n = 1, circuits() do
  local i = n
  if suspect and n <= suspect then
    i = n == 1 and suspect or n - 1
  end
  local key = KEYS[3 * i]
  local hot = redis.call('HGET', key, 'hot')
  if hot and string.byte(hot) == OPEN then
    changes().look(i, now)
    hot = redis.call('HGET', key, 'hot')
  end
  if not hot then
    tell(i, 'missing', 0, '')
  else
    local uncounted = released or suspect and is_spared(i)
    local _, generation = struct.unpack(HOT_HEAD, hot)
    if ARGV[3] ~= '' and not is_current(i, generation) then
      if not uncounted then
        redis.call('HINCRBY', key, 'stale', 1)
        tell(i, 'stale', 0, 'the result belongs to an earlier generation or an ended lease')
      end
    elseif not uncounted then
      count(i, hot)
    end
  end
end
return told
