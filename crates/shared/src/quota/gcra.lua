-- The generic cell rate algorithm: a burst at once, then one unit each interval.
-- KEYS: the client. ARGV: interval (ns), burst, cost. `now` is in microseconds.
-- Kept: when it was written (us), and the time (ns) that the units taken take to come back.
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local owed = 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local at, before = string.match(kept, '^(%d+) (%d+)$')
  -- A clock that was set back gives nothing back.
  owed = math.max(0, before - math.max(0, now - at) * 1000)
end

local capacity = burst * interval
local left = math.max(0, math.floor((capacity - owed) / interval))
local taken = math.min(left, cost)
owed = owed + taken * interval
local expires = math.ceil(owed / 1000000) + 1
redis.call('SET', KEYS[1], string.format('%.0f %.0f', now, owed), 'PX', expires)

local remaining = left - taken
if taken == cost then
  return { 1, remaining, interval * (burst - remaining), 0 }
end
local wait = owed + cost * interval - capacity
return { 0, remaining, wait + interval * (burst - cost), wait }
