-- Keep an artefact, and let the oldest ones of all batches go until everything fits the cap. Whole, or not at all.
--   KEYS[1]  <p>:artefacts:ages     zset    <batch>|<test>|<attempt>|<name> -> when it was kept (Redis's clock, seconds)
--   KEYS[2]  <p>:artefacts:sizes    hash    the same -> its bytes
--   KEYS[3]  <p>:artefacts:of:      + batch: hash, <test>|<attempt>|<name> -> content
--   KEYS[4]  <p>:artefacts:total    string  bytes of all that is kept
--   ARGV     batch, <test>|<attempt>|<name>, content, cap in bytes, expiry in seconds
-- As in jobs/batches, the keys need one Redis: those of other batches are derived from their members.
local batch, field, content, cap, expiry = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function forget(member)
  local whose, what = string.match(member, '^([^|]*)|(.*)$')
  redis.call('HDEL', KEYS[3] .. whose, what)
  redis.call('DECRBY', KEYS[4], redis.call('HGET', KEYS[2], member) or 0)
  redis.call('HDEL', KEYS[2], member)
  redis.call('ZREM', KEYS[1], member)
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - expiry, 'LIMIT', 0, 1000)) do
  forget(member)
end
if #content > cap then
  return 0
end
local member = batch .. '|' .. field
if redis.call('ZSCORE', KEYS[1], member) then
  forget(member)
end
while tonumber(redis.call('GET', KEYS[4]) or 0) + #content > cap do
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not oldest then
    redis.call('SET', KEYS[4], 0)
    break
  end
  forget(oldest)
end
redis.call('HSET', KEYS[3] .. batch, field, content)
redis.call('ZADD', KEYS[1], string.format('%.6f', now), member)
redis.call('HSET', KEYS[2], member, #content)
redis.call('INCRBY', KEYS[4], #content)
redis.call('EXPIRE', KEYS[3] .. batch, expiry)
for index = 1, 2 do
  redis.call('EXPIRE', KEYS[index], expiry)
end
redis.call('EXPIRE', KEYS[4], expiry)
return 1
