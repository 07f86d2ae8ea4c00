-- What nginx does to requests while a fault is armed (start.sh lists the faults). One fault at a time, for all connections.
local F = {}
local armed = ngx.shared.fault

-- The fault for this request, or nil.
local function pick()
  local mode = armed:get('mode')
  if not mode then return nil end
  local match, method = armed:get('match'), armed:get('method')
  if match and not ngx.var.request_uri:find(match, 1, true) then return nil end
  if method and ngx.req.get_method() ~= method then return nil end
  local skip = armed:get('skip')
  if skip and armed:incr('skip', -1) >= 0 then return nil end
  local percent = armed:get('p')
  if percent and math.random(100) > percent then return nil end
  local left = armed:get('n')
  if left and armed:incr('n', -1) < 0 then return nil end
  armed:incr('hits', 1, 0)
  return mode
end

local CODES = {['500'] = 'InternalError', ['503'] = 'SlowDown', ['429'] = 'TooManyRequests', ['403'] = 'AccessDenied'}

local function answer(status, code)
  ngx.req.read_body()
  ngx.status = status
  ngx.header['Content-Type'] = 'application/xml'
  local after = armed:get('retry_after')
  if after then ngx.header['Retry-After'] = after end
  ngx.print('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>' .. code ..
    '</Code><Message>injected</Message><RequestId>fault</RequestId></Error>')
  return ngx.exit(status)
end

local function body_of_request()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if body then return body end
  local name = ngx.req.get_body_file()
  if not name then return '' end
  local file = io.open(name, 'rb')
  body = file:read('*a')
  file:close()
  return body
end

local function flipped(body, at)
  if at >= #body then return body end
  return body:sub(1, at) .. string.char((body:byte(at + 1) + 1) % 256) .. body:sub(at + 2)
end

local METHODS = {GET = ngx.HTTP_GET, HEAD = ngx.HTTP_HEAD, PUT = ngx.HTTP_PUT, POST = ngx.HTTP_POST, DELETE = ngx.HTTP_DELETE}

-- Fetches the whole answer, then spoils it.
local function spoil(mode)
  ngx.req.read_body()
  local reply = ngx.location.capture('/__fault_up', {method = METHODS[ngx.req.get_method()], always_forward_body = true})
  ngx.status = reply.status
  for name, value in pairs(reply.header) do
    local lower = name:lower()
    if lower ~= 'connection' and lower ~= 'transfer-encoding' and lower ~= 'keep-alive' then ngx.header[name] = value end
  end
  local body, at = reply.body, armed:get('bytes') or 1000
  ngx.header['Content-Length'] = #body
  if mode == 'corrupt' then
    ngx.print(flipped(body, at))
    return ngx.exit(reply.status)
  end
  if mode == 'slow' then
    local step = math.max(1, math.floor((armed:get('rate') or 65536) / 10))
    for i = 1, #body, step do
      ngx.print(body:sub(i, i + step - 1))
      ngx.flush(true)
      ngx.sleep(0.1)
    end
    return ngx.exit(reply.status)
  end
  ngx.print(body:sub(1, at))
  ngx.flush(true)
  ngx.sleep(0.05)
  -- 444 closes without an answer: with lingering_close off and reset_timedout_connection on, as a reset.
  if mode == 'midreset' then return ngx.exit(444) end
  return ngx.exit(ngx.ERROR)
end

function F.access()
  local mode = pick()
  ngx.ctx.mode = mode
  ngx.var.fault = mode or '-'
  if not mode then return end
  if CODES[mode] then return answer(tonumber(mode), CODES[mode]) end
  if mode == '200err' then return answer(200, 'InternalError') end
  if mode == 'reset' then return ngx.exit(444) end
  if mode == 'delay' then return ngx.sleep((armed:get('ms') or 1000) / 1000) end
  if mode == 'hang' then
    ngx.req.read_body()
    ngx.sleep(3600)
    return ngx.exit(444)
  end
  if mode == 'late' then
    ngx.req.read_body()
    ngx.sleep((armed:get('ms') or 1000) / 1000)
    ngx.location.capture('/__fault_up', {method = METHODS[ngx.req.get_method()], always_forward_body = true})
    return ngx.exit(444)
  end
  if mode == 'corruptput' then return ngx.req.set_body_data(flipped(body_of_request(), armed:get('bytes') or 0)) end
  if mode == 'trunc' or mode == 'midreset' or mode == 'corrupt' or mode == 'slow' then return spoil(mode) end
end

function F.header()
  if ngx.ctx.mode == 'drop' then return ngx.exit(ngx.ERROR) end
end

function F.set()
  armed:flush_all()
  for name, value in pairs(ngx.req.get_uri_args()) do
    armed:set(name, name ~= 'mode' and name ~= 'match' and tonumber(value) or value)
  end
  ngx.say('ok')
end

function F.clear()
  armed:flush_all()
  ngx.say('ok')
end

-- Requests that the fault armed last has met; one that hangs has no line in the log yet.
function F.hits()
  ngx.say(armed:get('hits') or 0)
end

function F.forget(log)
  io.open(log, 'w'):close()
  ngx.say('ok')
end

return F
