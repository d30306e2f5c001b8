-- One POST of so many requests to /hello.
local requests = {}
function init(args)
  for i = 1, tonumber(args[1]) do requests[i] = '{"id":"' .. i .. '","path":"/hello"}' end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = "[" .. table.concat(requests, ",") .. "]"
end
