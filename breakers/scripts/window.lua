-- Put before the scripts that write a circuit's window: the last metrics_window_size outcomes, none of them judged
-- once older than window_seconds (where set).
--
-- A ring in one string, ENTRY bytes an outcome, written at `cursor`; the `filled` entries before it are valid and
-- counted in `failed` and `slow`, so that a rate is two numbers at any size. Those four are in `hot` (circuit.lua).
--   '<dfB': Redis time (s), duration (s, NaN: unknown), flags (1 failed, 2 slow)
local ENTRY = 13
local FAILED, SLOW = 1, 2
-- Entries read at once when old ones are dropped.
local CHUNK = 64

-- Append an outcome.
local function push(window, hot, now, seconds, failed, slow)
  if hot.filled < hot.size then
    hot.filled = hot.filled + 1
  elseif hot.failed + hot.slow > 0 then
    local at = hot.cursor * ENTRY + ENTRY - 1
    local old = string.byte(redis.call('GETRANGE', window, at, at)) or 0
    hot.failed = hot.failed - old % 2
    hot.slow = hot.slow - (old >= SLOW and 1 or 0)
  end
  local flags = (failed and FAILED or 0) + (slow and SLOW or 0)
  redis.call('SETRANGE', window, hot.cursor * ENTRY, struct.pack('<dfB', now, seconds, flags))
  hot.cursor = (hot.cursor + 1) % hot.size
  hot.failed = hot.failed + (failed and 1 or 0)
  hot.slow = hot.slow + (slow and 1 or 0)
end

-- Drop entries older than `oldest` from the ring's tail. Each entry is dropped once: O(1) an outcome in the long run.
local function drop_old(window, hot, oldest)
  while hot.filled > 0 do
    local tail = (hot.cursor - hot.filled) % hot.size
    local count = math.min(CHUNK, hot.filled, hot.size - tail)
    local chunk = redis.call('GETRANGE', window, tail * ENTRY, (tail + count) * ENTRY - 1)
    for n = 0, count - 1 do
      local at, _, flags = struct.unpack('<dfB', chunk, n * ENTRY + 1)
      if at >= oldest then
        return
      end
      hot.filled = hot.filled - 1
      hot.failed = hot.failed - flags % 2
      hot.slow = hot.slow - (flags >= SLOW and 1 or 0)
    end
  end
end
