-- Redis's own clock, in seconds. The only clock that any circuit is judged by.
local function clock()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1e6
end
