-- Claims a write, or says what became of it.
-- KEYS: the write. ARGV: hash of its arguments, owner, attempt, lease (us), retention (ms).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'arguments', 'result', 'until')
if not kept[1] then
  local lease = string.format('%.0f', now + ARGV[4])
  redis.call('HSET', KEYS[1], 'arguments', ARGV[1], 'owner', ARGV[2], 'attempt', ARGV[3], 'until', lease)
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return { 'fresh' }
end
if kept[2] then return { 'done', kept[1], kept[2] } end
if tonumber(kept[3]) > now then return { 'running' } end
return { 'uncertain' }
