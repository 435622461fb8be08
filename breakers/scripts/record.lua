-- Record one call's outcome on every circuit that it had a permit of. Keys: circuit.lua, window.lua.
--
-- ARGV[1]  'success', 'failure', or 'release' (the call was given up: the permit goes back, nothing is counted)
-- ARGV[2]  seconds the call took ('' unknown)
-- ARGV[3]  the token of acquire.lua ('' for an outcome seen from outside: judged as one of the current generation)
-- Returns  {} or, for each circuit with something to tell, i, what, open_ms, reason
--          (what: 'open', 'closed', 'stale', or 'missing' where Redis doesn't know the circuit)
local now = clock()
local failed, released = ARGV[1] == 'failure', ARGV[1] == 'release'
local seconds = tonumber(ARGV[2])
local token = string.gmatch(ARGV[3], '%S+')
local told = {}

local function tell(i, what, open_ms, reason)
  local n = #told
  told[n + 1], told[n + 2], told[n + 3], told[n + 4] = i, what, open_ms, reason
end

-- Open for recovery_timeout, longer each time by recovery_timeout_factor until the circuit has stayed closed a while.
local function open(i, reason)
  local key = KEYS[3 * i]
  local c = redis.call('HMGET', key, 'state', 'since', 'opens_in_a_row', 'recovery_timeout', 'recovery_timeout_factor',
    'recovery_timeout_max', 'recovery_timeout_jitter', 'calm_seconds')
  local step, base, jitter = tonumber(c[3]), tonumber(c[4]), tonumber(c[7])
  if c[1] == 'closed' and now - c[2] >= tonumber(c[8]) then
    step = 0
  end
  local open_seconds = math.min(base * c[5] ^ step, math.max(base, c[6]))
  if jitter > 0 then
    -- Redis seeds every script alike.
    math.randomseed(math.floor(now * 1e6) % 2147483647)
    open_seconds = open_seconds * (1 + jitter * (2 * math.random() - 1))
  end
  redis.call('HSET', key, 'opens_in_a_row', step + 1)
  move(i, 'open', reason, now, open_seconds)
  tell(i, 'open', math.ceil(open_seconds * 1000), reason)
end

-- Why a CLOSED circuit has to open, if it has to.
local function trouble(key, hot)
  if hot.failure_threshold > 0 and hot.in_a_row >= hot.failure_threshold then
    return hot.in_a_row .. ' failures in a row'
  end
  if hot.flags % (2 * JUDGE_RATES) < JUDGE_RATES then
    return nil
  end
  local c = redis.call('HMGET', key, 'min_samples_for_stats', 'failure_rate_threshold', 'slow_call_rate_threshold')
  if hot.filled < tonumber(c[1]) then
    return nil
  end
  if c[2] and hot.failed / hot.filled >= tonumber(c[2]) then
    return string.format('%d of %d calls failed', hot.failed, hot.filled)
  end
  if c[3] and hot.slow / hot.filled >= tonumber(c[3]) then
    return string.format('%d of %d calls were slow', hot.slow, hot.filled)
  end
  return nil
end

local function judge_probe(i, slow)
  local key = KEYS[3 * i]
  if failed then
    open(i, 'the probe failed')
  elseif slow and redis.call('HGET', key, 'slow_call_rate_threshold') then
    open(i, 'the probe was slow')
  elseif redis.call('HINCRBY', key, 'probe_successes', 1) >= tonumber(redis.call('HGET', key, 'success_threshold')) then
    move(i, 'closed', 'probes succeeded', now)
    tell(i, 'closed', 0, 'probes succeeded')
  end
end

local function count(i, state, hot)
  local key, window = KEYS[3 * i], KEYS[3 * i + 1]
  local slow, oldest = false, nil
  if hot.flags >= JUDGE_SLOW then
    local c = redis.call('HMGET', key, 'slow_call_seconds', 'window_seconds')
    slow = c[1] and seconds and seconds >= tonumber(c[1]) or false
    oldest = c[2] and now - c[2]
  end
  push(window, hot, now, seconds or 0 / 0, failed, slow)
  if oldest then
    drop_old(window, hot, oldest)
  end
  if failed then
    hot.failures = hot.failures + 1
    hot.in_a_row = hot.in_a_row + 1
  else
    hot.successes = hot.successes + 1
    hot.in_a_row = 0
  end
  redis.call('HSET', key, 'hot', pack_hot(hot))
  if slow then
    redis.call('HINCRBY', key, 'slow', 1)
  end
  -- A ring's first entry makes a new key, which has no expiry yet.
  if hot.filled == 1 or now >= hot.touch_at then
    touch(i, now)
  end

  if state == 'closed' then
    local reason = trouble(key, hot)
    if reason then
      open(i, reason)
    end
  elseif state == 'half_open' then
    judge_probe(i, slow)
  end
end

-- Whether the token's part for circuit i belongs to its present generation and, if it names a permit, to a lease that
-- still runs: else another probe may be in. The permit ends here.
local function is_current(i, held, generation)
  if not held or held == generation then
    return true
  end
  local held_generation, permit = string.match(held, '^(%d+):(%d+)$')
  if held_generation ~= generation then
    return false
  end
  local ends = redis.call('ZSCORE', KEYS[3 * i + 2], permit)
  redis.call('ZREM', KEYS[3 * i + 2], permit)
  return ends and tonumber(ends) > now
end

for i = 1, circuits() do
  local held = token()
  local circuit = redis.call('HMGET', KEYS[3 * i], 'state', 'generation', 'hot')
  local state, generation = circuit[1], circuit[2]
  if state == 'open' then
    state, generation = look(i, now)
    circuit[3] = redis.call('HGET', KEYS[3 * i], 'hot')
  end
  if not state then
    tell(i, 'missing', 0, '')
  elseif not is_current(i, held, generation) then
    if not released then
      redis.call('HINCRBY', KEYS[3 * i], 'stale', 1)
      tell(i, 'stale', 0, 'the result belongs to an earlier generation or an ended lease')
    end
  elseif not released then
    count(i, state, read_hot(circuit[3]))
  end
end
return told
