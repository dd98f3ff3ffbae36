-- Keeps a place for a session that is being opened, unless there are too many.
-- KEYS: its principal's sessions, all sessions. ARGV: place, life of the place (ms), most of a principal, most of all,
-- life of the lists (ms).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index, most in ipairs({ ARGV[3], ARGV[4] }) do
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now)
  if redis.call('ZCARD', KEYS[index]) >= tonumber(most) then return 0 end
end
for index = 1, 2 do
  redis.call('ZADD', KEYS[index], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[index], ARGV[5])
end
return 1
