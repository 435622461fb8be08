-- Put before the scripts that change a circuit's settings. They are fields of the circuit's hash, by their Python
-- names, absent where None; those that every outcome needs are in `hot` as well (circuit.lua).

-- The ring of window.lua, moved to a new size: its newest outcomes are kept.
local function resize(i, hot, size)
  local window = KEYS[3 * i + 1]
  local kept = math.min(hot.filled, size)
  local first = (hot.cursor - kept) % hot.size
  local ring = redis.call('GETRANGE', window, first * ENTRY, math.min(first + kept, hot.size) * ENTRY - 1)
  if first + kept > hot.size then
    ring = ring .. redis.call('GETRANGE', window, 0, (first + kept - hot.size) * ENTRY - 1)
  end
  redis.call('DEL', window)
  hot.size, hot.cursor, hot.filled, hot.failed, hot.slow = size, kept % size, kept, 0, 0
  if kept > 0 then
    redis.call('SET', window, ring)
    for n = 1, kept do
      local flags = string.byte(ring, n * ENTRY)
      hot.failed = hot.failed + flags % 2
      hot.slow = hot.slow + (flags >= SLOW and 1 or 0)
    end
  end
end

-- Put `values` ('' for None) into force for `fields` of circuit i.
local function put_in_force(i, fields, values, now)
  local key = KEYS[3 * i]
  for n, field in ipairs(fields) do
    if values[n] == '' then
      redis.call('HDEL', key, field)
    else
      redis.call('HSET', key, field, values[n])
    end
  end
  local c = redis.call('HMGET', key, 'hot', 'metrics_window_size', 'failure_threshold', 'failure_rate_threshold',
    'slow_call_rate_threshold', 'slow_call_seconds', 'window_seconds')
  local hot = changes().read_hot(c[1])
  if hot.size ~= tonumber(c[2]) then
    resize(i, hot, tonumber(c[2]))
  end
  hot.failure_threshold = tonumber(c[3] or 0)
  hot.flags = ((c[4] or c[5]) and JUDGE_RATES or 0) + (c[6] and JUDGE_SLOW or 0) + (c[7] and JUDGE_AGE or 0)
  changes().write_hot(key, hot)
  changes().touch(i, now)
end

local function tell_settings(i, now)
  local c = redis.call('HMGET', KEYS[3 * i], 'name', 'version')
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', 'settings_changed', 'name', c[1], 'at', now,
    'version', c[2])
end
