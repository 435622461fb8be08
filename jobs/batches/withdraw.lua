-- A node leaves, if it is still the one that bears the name.
-- KEYS: nodes, told    ARGV: node, boot
local told = redis.call('HGET', KEYS[2], ARGV[1])
if told and cjson.decode(told).boot == ARGV[2] then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
end
