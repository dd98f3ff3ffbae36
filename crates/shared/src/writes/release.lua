-- Gives up the claim of a write that was not done. KEYS: the write. ARGV: owner, first attempt, attempt after the last.
local kept = redis.call('HMGET', KEYS[1], 'owner', 'result', 'attempt')
local attempt = tonumber(kept[3])
local ours = kept[1] == ARGV[1] and attempt >= tonumber(ARGV[2]) and attempt < tonumber(ARGV[3])
if ours and not kept[2] then redis.call('DEL', KEYS[1]) end
return 1
