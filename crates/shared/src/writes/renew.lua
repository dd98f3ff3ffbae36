-- Keeps the claim of a write that is under way. KEYS: the write. ARGV: owner, lease (us).
local time = redis.call('TIME')
local kept = redis.call('HMGET', KEYS[1], 'owner', 'result')
if kept[1] ~= ARGV[1] or kept[2] then return 0 end
local lease = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[2])
redis.call('HSET', KEYS[1], 'until', lease)
return 1
