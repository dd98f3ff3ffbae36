-- Gives up the claim of a write that was not done. KEYS: the write. ARGV: owner, attempt or ''.
local kept = redis.call('HMGET', KEYS[1], 'owner', 'result', 'attempt')
local ours = kept[1] == ARGV[1] and (ARGV[2] == '' or kept[3] == ARGV[2])
if ours and not kept[2] then redis.call('DEL', KEYS[1]) end
return 1
