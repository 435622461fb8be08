-- What the nodes at work tell.
-- KEYS: nodes, told    Reply: {JSON, …}
local time = redis.call('TIME')
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. time[1] .. '.' .. string.format('%06d', time[2]), '+inf')
local told = {}
for index, name in ipairs(names) do
  told[index] = redis.call('HGET', KEYS[2], name)
end
return told
