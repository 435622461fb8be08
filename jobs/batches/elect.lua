-- Become, or stay, the reaper. After a pause in which nobody reaped, Redis may have been away, and nobody could renew a
-- lease: leases then get some time before they count as expired.
-- KEYS: lock, rounds ("<last round> <leases are left alone until>")
-- ARGV: candidate, milliseconds, seconds between rounds that are a pause, seconds that leases are left alone after one
-- Reply: 0 | 1 | 2 (leave the leases alone)
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local last, left_alone = string.match(redis.call('GET', KEYS[2]) or '', '^(%S+) (%S+)$')
left_alone = tonumber(left_alone or 0)
if last and now - tonumber(last) > tonumber(ARGV[3]) then
  left_alone = now + tonumber(ARGV[4])
end
redis.call('SET', KEYS[2], string.format('%.6f %.6f', now, left_alone))
return now < left_alone and 2 or 1
