-- Put before the scripts that write a circuit's window: the last metrics_window_size outcomes, none of them judged
-- once older than window_seconds (where set).
--
-- A ring in one string, ENTRY bytes an outcome, written at `cursor`; `filled` entries before it are valid and counted
-- in `window_failed` and `window_slow`, so that a rate is two numbers at any window size.
--   '<dfB': Redis time (s), duration (s, NaN: unknown), flags (1 failed, 2 slow)
local ENTRY = 13
local FAILED, SLOW = 1, 2
-- Entries read at once when old ones are dropped.
local CHUNK = 64

local function flags_at(window, slot)
  local entry = redis.call('GETRANGE', window, slot * ENTRY, slot * ENTRY + ENTRY - 1)
  local at, _, flags = struct.unpack('<dfB', entry)
  return flags, at
end

-- Append an outcome to `ring` {cursor, filled, failed, slow}, in place.
local function push(window, ring, size, now, seconds, failed, slow)
  local flags = (failed and FAILED or 0) + (slow and SLOW or 0)
  if ring.filled == size then
    local old = flags_at(window, ring.cursor)
    ring.failed = ring.failed - old % 2
    ring.slow = ring.slow - (old >= SLOW and 1 or 0)
  else
    ring.filled = ring.filled + 1
  end
  redis.call('SETRANGE', window, ring.cursor * ENTRY, struct.pack('<dfB', now, seconds, flags))
  ring.cursor = (ring.cursor + 1) % size
  ring.failed = ring.failed + flags % 2
  ring.slow = ring.slow + (slow and 1 or 0)
end

-- Drop entries older than `oldest` from the ring's tail. Each entry is dropped once: O(1) an outcome in the long run.
local function drop_old(window, ring, size, oldest)
  while ring.filled > 0 do
    local tail = (ring.cursor - ring.filled) % size
    local count = math.min(CHUNK, ring.filled, size - tail)
    local chunk = redis.call('GETRANGE', window, tail * ENTRY, (tail + count) * ENTRY - 1)
    for n = 0, count - 1 do
      local at, _, flags = struct.unpack('<dfB', chunk, n * ENTRY + 1)
      if at >= oldest then
        return
      end
      ring.filled = ring.filled - 1
      ring.failed = ring.failed - flags % 2
      ring.slow = ring.slow - (flags >= SLOW and 1 or 0)
    end
  end
end
