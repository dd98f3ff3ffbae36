-- Gives a session whose handshake is stored to its principal, in the place that was kept for it.
-- KEYS: the session, its principal's sessions, all sessions. ARGV: principal, place, id, idle (ms), life of the lists (ms).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
for index = 2, 3 do
  redis.call('ZREM', KEYS[index], ARGV[2])
  redis.call('ZADD', KEYS[index], now + ARGV[4], ARGV[3])
  redis.call('PEXPIRE', KEYS[index], ARGV[5])
end
return 1
