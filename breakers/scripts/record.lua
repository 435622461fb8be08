-- Record one call's outcome on every circuit that it had a permit of. Keys: circuit.lua, window.lua.
--
-- ARGV[1]  'success', 'failure', or 'release' (the call was given up: the permit goes back, nothing is counted)
-- ARGV[2]  seconds the call took ('' unknown)
-- ARGV[3]  the token of acquire.lua ('' for an outcome seen from outside: judged as one of the current generation)
-- Returns  {} or, for each circuit with something to tell, i, what ('open', 'closed', 'stale'), open_ms, reason
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
  local step, base = tonumber(c[3]), tonumber(c[4])
  if c[1] == 'closed' and now - c[2] >= tonumber(c[8]) then
    step = 0
  end
  local open_seconds = math.min(base * c[5] ^ step, math.max(base, c[6]))
  if c[7] ~= '0' then
    math.randomseed(math.floor(now * 1e6) % 2147483647)
    open_seconds = open_seconds * (1 + c[7] * (2 * math.random() - 1))
  end
  redis.call('HSET', key, 'opens_in_a_row', step + 1)
  move(i, 'open', reason, now, open_seconds)
  tell(i, 'open', math.ceil(open_seconds * 1000), reason)
end

-- Why a CLOSED circuit has to open, if it has to.
local function trouble(key, in_a_row, ring, failure_threshold)
  if failure_threshold and in_a_row >= tonumber(failure_threshold) then
    return in_a_row .. ' failures in a row'
  end
  local c = redis.call('HMGET', key, 'min_samples_for_stats', 'failure_rate_threshold', 'slow_call_rate_threshold')
  if ring.filled < tonumber(c[1]) then
    return nil
  end
  if c[2] and ring.failed / ring.filled >= tonumber(c[2]) then
    return string.format('%d of %d calls failed', ring.failed, ring.filled)
  end
  if c[3] and ring.slow / ring.filled >= tonumber(c[3]) then
    return string.format('%d of %d calls were slow', ring.slow, ring.filled)
  end
  return nil
end

-- The permit's lease, if the call had one, ends here. False: it had ended before, so another probe may be in.
local function give_back(i, permit)
  if not permit then
    return true
  end
  local ends = redis.call('ZSCORE', KEYS[3 * i + 2], permit)
  redis.call('ZREM', KEYS[3 * i + 2], permit)
  return ends and tonumber(ends) > now
end

local function count(i, state)
  local key, window = KEYS[3 * i], KEYS[3 * i + 1]
  local c = redis.call('HMGET', key, 'touch_at', 'cursor', 'filled', 'window_failed', 'window_slow',
    'failures_in_a_row', failed and 'failures' or 'successes', 'metrics_window_size', 'judge_rates', 'window_seconds',
    'slow_call_seconds', 'failure_threshold')
  local size = tonumber(c[8])
  local slow = c[11] and seconds and seconds >= tonumber(c[11]) or false
  local ring = {cursor = tonumber(c[2]), filled = tonumber(c[3]), failed = tonumber(c[4]), slow = tonumber(c[5])}
  push(window, ring, size, now, seconds or 0 / 0, failed, slow)
  if c[10] then
    drop_old(window, ring, size, now - c[10])
  end
  local in_a_row = failed and c[6] + 1 or 0
  redis.call('HSET', key, 'cursor', ring.cursor, 'filled', ring.filled, 'window_failed', ring.failed,
    'window_slow', ring.slow, 'failures_in_a_row', in_a_row, failed and 'failures' or 'successes', c[7] + 1)
  if slow then
    redis.call('HINCRBY', key, 'slow', 1)
  end
  if now >= tonumber(c[1]) then
    touch(i, now)
  end

  if state == 'closed' and (failed or c[9] == '1') then
    local reason = trouble(key, in_a_row, ring, c[12])
    if reason then
      open(i, reason)
    end
  elseif state == 'half_open' then
    if failed then
      open(i, 'the probe failed')
    elseif slow and redis.call('HGET', key, 'slow_call_rate_threshold') then
      open(i, 'the probe was slow')
    elseif redis.call('HINCRBY', key, 'probe_successes', 1) >= tonumber(redis.call('HGET', key, 'success_threshold')) then
      move(i, 'closed', 'probes succeeded', now)
      tell(i, 'closed', 0, 'probes succeeded')
    end
  end
end

for i = 1, circuits() do
  local held = token()
  local state, generation = look(i, now)
  if state then
    local held_generation, permit
    if held then
      held_generation, permit = string.match(held, '^(%d+):?(%d*)$')
      permit = permit ~= '' and permit or nil
    end
    local current = (not held or held_generation == tostring(generation)) and give_back(i, permit)
    if current and not released then
      count(i, state)
    elseif not released then
      redis.call('HINCRBY', KEYS[3 * i], 'stale', 1)
      tell(i, 'stale', 0, 'the result belongs to an earlier generation or an ended lease')
    end
  end
end
return told
