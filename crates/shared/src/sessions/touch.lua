-- Whether a session is this principal's; if so, it lives on.
-- KEYS: the session, its principal's sessions, all sessions. ARGV: principal, id, idle (ms), life of the lists (ms).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for index = 2, 3 do
  redis.call('ZADD', KEYS[index], now + ARGV[3], ARGV[2])
  redis.call('PEXPIRE', KEYS[index], ARGV[4])
end
return 1
