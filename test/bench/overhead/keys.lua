-- Asks for addresses below the given one, all equally often.

function init(args)
  count = tonumber(args[1])
end

function request()
  return wrk.format(nil, wrk.path .. "/" .. math.random(0, count - 1))
end
