-- Put before the scripts that change a circuit's settings. They are fields of the circuit's hash, by their Python
-- names, absent where None; `judge_rates` says in advance whether a success has to be judged at all.

-- The ring of window.lua, moved to a new size: its newest outcomes are kept.
local function resize(i, size)
  local key, window = KEYS[3 * i], KEYS[3 * i + 1]
  local c = redis.call('HMGET', key, 'metrics_window_size', 'cursor', 'filled')
  local old_size, cursor, filled = tonumber(c[1]), tonumber(c[2]), tonumber(c[3])
  if old_size == size then
    return
  end
  local kept = math.min(filled, size)
  local first = (cursor - kept) % old_size
  local ring = redis.call('GETRANGE', window, first * ENTRY, math.min(first + kept, old_size) * ENTRY - 1)
  if first + kept > old_size then
    ring = ring .. redis.call('GETRANGE', window, 0, (first + kept - old_size) * ENTRY - 1)
  end
  local failed, slow = 0, 0
  for n = 0, kept - 1 do
    local _, _, flags = struct.unpack('<dfB', ring, n * ENTRY + 1)
    failed = failed + flags % 2
    slow = slow + (flags >= SLOW and 1 or 0)
  end
  redis.call('DEL', window)
  if kept > 0 then
    redis.call('SET', window, ring)
  end
  redis.call('HSET', key, 'cursor', kept % size, 'filled', kept, 'window_failed', failed, 'window_slow', slow)
end

-- Put `values` ('' for None) into force for `fields` of circuit i.
local function put_in_force(i, fields, values, now)
  local key = KEYS[3 * i]
  for n, field in ipairs(fields) do
    if field == 'metrics_window_size' then
      resize(i, tonumber(values[n]))
    end
    if values[n] == '' then
      redis.call('HDEL', key, field)
    else
      redis.call('HSET', key, field, values[n])
    end
  end
  local rates = redis.call('HMGET', key, 'failure_rate_threshold', 'slow_call_rate_threshold')
  redis.call('HSET', key, 'judge_rates', (rates[1] or rates[2]) and 1 or 0)
  touch(i, now)
end

local function tell_settings(i, now)
  local c = redis.call('HMGET', KEYS[3 * i], 'name', 'version')
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', 'settings_changed', 'name', c[1], 'at', now,
    'version', c[2])
end
