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

-- Append an outcome; returns the window's four numbers as they are then.
local function push(window, size, cursor, filled, failed, slow, now, seconds, flags)
  if filled < size then
    filled = filled + 1
  elseif failed + slow > 0 then
    local at = cursor * ENTRY + ENTRY - 1
    local old = string.byte(redis.call('GETRANGE', window, at, at)) or 0
    failed = failed - old % 2
    slow = slow - (old >= SLOW and 1 or 0)
  end
  redis.call('SETRANGE', window, cursor * ENTRY, struct.pack('<dfB', now, seconds, flags))
  if flags > 0 then
    failed = failed + flags % 2
    slow = slow + (flags >= SLOW and 1 or 0)
  end
  return (cursor + 1) % size, filled, failed, slow
end

-- Drop entries older than `oldest` from the ring's tail; returns the numbers that this changes. Each entry is dropped
-- once: O(1) an outcome in the long run.
local function drop_old(window, size, cursor, filled, failed, slow, oldest)
  while filled > 0 do
    local tail = (cursor - filled) % size
    local count = math.min(CHUNK, filled, size - tail)
    local chunk = redis.call('GETRANGE', window, tail * ENTRY, (tail + count) * ENTRY - 1)
    for n = 0, count - 1 do
      local at, _, flags = struct.unpack('<dfB', chunk, n * ENTRY + 1)
      if at >= oldest then
        return filled, failed, slow
      end
      filled = filled - 1
      failed = failed - flags % 2
      slow = slow - (flags >= SLOW and 1 or 0)
    end
  end
  return filled, failed, slow
end
