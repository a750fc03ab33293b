-- For wrk: each request goes to another actor.
--
--   wrk -s spread.lua URL -- PATH 64    actors PATH-0 to PATH-63 in turn
--   wrk -s spread.lua URL -- PATH 0     an actor that nobody has called before, each time

local count = 0

function init(args)
  path = args[1]
  actors = tonumber(args[2])
end

function request()
  count = count + 1
  return wrk.format("GET", path .. "-" .. (actors > 0 and count % actors or count))
end
