-- Remove the messages of this batch from a part of a queue, counted from where messages go in.
-- ARGV: batch, queue, first place to look at, number of places
-- Reply: {places looked at, messages removed}
local list, start = list_of(ARGV[2]), tonumber(ARGV[3])
local messages = redis.call('LRANGE', list, start, start + tonumber(ARGV[4]) - 1)
-- A message bears the id of its task: "<batch>:<test>:<attempt>".
local mine, found = '"' .. ARGV[1] .. ':', 0
for index, message in ipairs(messages) do
  if string.find(message, mine, 1, true) then
    redis.call('LSET', list, start + index - 1, 'swept')
    found = found + 1
  end
end
if found > 0 then
  redis.call('LREM', list, found, 'swept')
end
return { #messages, found }
