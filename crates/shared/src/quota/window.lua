-- Windows: a whole burst is counted per the time in which it accrues.
-- KEYS: the client. ARGV: window (ns), burst, cost, whether the window before counts as far as it overlaps.
-- Kept: when it was written (us), what was left of the window then (ns), units used in it and in the one before.
local window, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slides = ARGV[4] == '1'
local rest, used, before = window, 0, 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local at, left, units, earlier = string.match(kept, '^(%d+) (%d+) (%d+) (%d+)$')
  -- A clock that was set back gives nothing back.
  left = left - math.max(0, now - at) * 1000
  if left > 0 then
    rest, used, before = left, tonumber(units), tonumber(earlier)
  elseif slides and left + window > 0 then
    rest, used, before = left + window, 0, tonumber(units)
  end
end

-- The longest overlap with a window of `units` in which these count as `room` at most.
local function overlap(room, units)
  if units == 0 then return window end
  return math.min(window, math.floor(room * window / units))
end

local left = math.max(0, burst - used - math.ceil(before * rest / window))
local taken = math.min(left, cost)
used = used + taken
local reset = rest
if slides and used > 0 then reset = rest + window end
local value = string.format('%.0f %.0f %.0f %.0f', now, rest, used, before)
redis.call('SET', KEYS[1], value, 'PX', math.ceil(reset / 1000000) + 1)

if taken == cost then
  return { 1, left - taken, reset, 0 }
end
local wait = rest
if slides then
  local room = burst - used - cost
  if room >= 0 then
    wait = math.max(0, rest - overlap(room, before))
  else
    wait = rest + window - overlap(burst - cost, used)
  end
end
return { 0, left - taken, reset, wait }
