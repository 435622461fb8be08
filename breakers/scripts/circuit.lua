-- Put before every script: a circuit's keys, how it looks now, and the one function that changes its state.
--
-- KEY LAYOUT. P is "{<prefix>:circuits}": the hash tag keeps all circuits of a registry in one slot of a Cluster.
--   KEYS[1]       P:events           stream, capped: state and settings changes, oldest first
--   KEYS[2]       P:names            zset: circuit name -> Redis time at which it will be forgotten, if idle
--   and for each circuit i = 1, 2, ...
--   KEYS[3i]      P:state:<name>     hash: hot (below), rarer counters, settings in force
--   KEYS[3i + 1]  P:window:<name>    string: ring of outcomes, see window.lua
--   KEYS[3i + 2]  P:permits:<name>   zset: permit of HALF_OPEN -> Redis time at which its lease ends
-- Written by recovery.lua alone:
--                 P:recoveries:<name>  list, capped: latest recoveries as JSON, newest first
--                 P:recovered:<name>   hash: "method|browser" -> "attempts succeeded", capped
local EVENTS_KEPT = 10000
-- Seconds a caller is told to wait at most when all permits of a HALF_OPEN circuit are out: a probe may end any time.
local PERMIT_WAIT = 1
-- Seconds that Redis's clock may step back (failover) before an OPEN circuit stops trusting its own opening time.
local CLOCK_STEP = 1

local CLOSED, OPEN, HALF_OPEN, FORCED_OPEN, DISABLED = 1, 2, 3, 4, 5

-- The field `hot`: what every call reads and every outcome writes, packed: a field each would cost more than the rest.
--   B   state            I4  generation
--   I4  touch_at: Redis time (s) from which on an outcome puts off the circuit's expiry
--   I4  size (metrics_window_size), failure_threshold (0: none)
--   I4  cursor, filled, failed, slow: the window's (window.lua)
--   I4  in_a_row: failures in a row        I8  successes, failures: ever
--   B   flags: by which other settings an outcome is judged
local HOT_HEAD = '<BI4'
local HOT = '<BI4I4I4I4I4I4I4I4I4I8I8B'
local JUDGE_RATES, JUDGE_SLOW, JUDGE_AGE = 1, 2, 4

-- A caller's token, for each circuit: I4 generation, I8 permit (0: none is needed but in HALF_OPEN).
local TOKEN = '<I4I8'
local TOKEN_SIZE = 12

local function circuits()
  return (#KEYS - 2) / 3
end

-- What a healthy call doesn't need. Made at its first use: to make these functions would cost that call more than all
-- that it does.
local changes_made
local function changes()
  if changes_made then
    return changes_made
  end

  -- For whatever isn't done at every call.
  local function read_hot(packed)
    local state, generation, touch_at, size, failure_threshold, cursor, filled, failed, slow, in_a_row, successes,
      failures, flags = struct.unpack(HOT, packed)
    return {state = state, generation = generation, touch_at = touch_at, size = size,
      failure_threshold = failure_threshold, cursor = cursor, filled = filled, failed = failed, slow = slow,
      in_a_row = in_a_row, successes = successes, failures = failures, flags = flags}
  end

  local function write_hot(key, hot)
    redis.call('HSET', key, 'hot', struct.pack(HOT, hot.state, hot.generation, hot.touch_at, hot.size,
      hot.failure_threshold, hot.cursor, hot.filled, hot.failed, hot.slow, hot.in_a_row, hot.successes, hot.failures,
      hot.flags))
  end

  -- The states as Python, the stream and an operator name them.
  local function name_of(state)
    return ({'closed', 'open', 'half_open', 'forced_open', 'disabled'})[state]
  end

  -- Keep a circuit that is in use from expiring. What an operator has ordered never expires.
  local function touch(i, now)
    local key = KEYS[3 * i]
    local circuit = redis.call('HMGET', key, 'name', 'idle_seconds', 'hot')
    local idle_seconds = math.ceil(circuit[2])
    local hot = read_hot(circuit[3])
    hot.touch_at = math.floor(now + idle_seconds / 4)
    write_hot(key, hot)
    if hot.state == FORCED_OPEN or hot.state == DISABLED then
      redis.call('ZADD', KEYS[2], 'inf', circuit[1])
      redis.call('PERSIST', key)
      redis.call('PERSIST', KEYS[3 * i + 1])
    else
      redis.call('ZADD', KEYS[2], now + idle_seconds, circuit[1])
      redis.call('EXPIRE', key, idle_seconds)
      redis.call('EXPIRE', KEYS[3 * i + 1], idle_seconds)
    end
  end

  -- The only place where a state changes: a new generation, so that results and permits of the old one mean nothing.
  local function move(i, to, reason, now, open_seconds)
    local key = KEYS[3 * i]
    local was = redis.call('HMGET', key, 'hot', 'since', 'name', 'down_since')
    local hot, since, name, down_since = read_hot(was[1]), was[2], was[3], was[4]
    local previous = name_of(hot.state)
    hot.state, hot.generation = to, hot.generation + 1
    redis.call('HSET', key, 'since', now)
    redis.call('HINCRBYFLOAT', key, 'seconds_' .. previous, math.max(0, now - since))
    redis.call('DEL', KEYS[3 * i + 2])
    if to == HALF_OPEN then
      redis.call('HSET', key, 'probe_successes', 0)
    elseif to == OPEN or to == FORCED_OPEN then
      redis.call('HINCRBY', key, 'opens', 1)
      redis.call('HSETNX', key, 'down_since', now)
    else
      -- Judged afresh: an outcome from before the trouble must not open the circuit again.
      hot.cursor, hot.filled, hot.failed, hot.slow, hot.in_a_row = 0, 0, 0, 0, 0
      redis.call('DEL', KEYS[3 * i + 1])
      if down_since then
        redis.call('HINCRBYFLOAT', key, 'downtime_seconds', math.max(0, now - down_since))
        redis.call('HINCRBY', key, 'downtimes', 1)
        redis.call('HDEL', key, 'down_since')
      end
    end
    write_hot(key, hot)
    if open_seconds then
      redis.call('HSET', key, 'open_until', now + open_seconds)
    end
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', 'state_changed', 'name', name, 'at', now,
      'previous', previous, 'state', name_of(to), 'generation', hot.generation, 'reason', reason,
      'open_seconds', open_seconds or '')
    touch(i, now)
    return hot.generation
  end

  -- The circuit as of now: state, generation, and the milliseconds a caller has to wait (0: come in; -1: until a
  -- reset); nil where Redis has none.
  -- The only place where time moves a circuit: OPEN becomes HALF_OPEN.
  local function look(i, now)
    local key = KEYS[3 * i]
    local hot = redis.call('HGET', key, 'hot')
    if not hot then
      return nil
    end
    local state, generation = struct.unpack(HOT_HEAD, hot)
    if state == CLOSED or state == DISABLED then
      return state, generation, 0
    end
    if state == FORCED_OPEN then
      return state, generation, -1
    end
    if state == OPEN then
      local opening = redis.call('HMGET', key, 'open_until', 'since')
      local left = opening[1] - now
      if left > 0 and now > opening[2] - CLOCK_STEP then
        return state, generation, math.ceil(left * 1000)
      end
      state, generation = HALF_OPEN, move(i, HALF_OPEN, 'recovery timeout is over', now)
    end
    local permits = KEYS[3 * i + 2]
    redis.call('ZREMRANGEBYSCORE', permits, '-inf', now)
    if redis.call('ZCARD', permits) < tonumber(redis.call('HGET', key, 'half_open_max_calls')) then
      return state, generation, 0
    end
    local first = redis.call('ZRANGE', permits, 0, 0, 'WITHSCORES')
    return state, generation, math.max(1, math.ceil(math.min(first[2] - now, PERMIT_WAIT) * 1000))
  end

  changes_made = {read_hot = read_hot, write_hot = write_hot, name_of = name_of, touch = touch, move = move,
    look = look}
  return changes_made
end
