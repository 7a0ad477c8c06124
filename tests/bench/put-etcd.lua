-- SPDX-License-Identifier: LGPL-2.1-or-later
-- A put through etcd's JSON gateway, of as many bytes as a registration has, each on one of ten thousand keys.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local value = string.rep("QUFB", 75)
local n = 0

-- Of a text whose length is a multiple of three.
local function base64(text)
  return (text:gsub("...", function(t)
    local a, b, c = t:byte(1, 3)
    local bits = a * 65536 + b * 256 + c
    local out = ""
    for shift = 3, 0, -1 do
      local i = math.floor(bits / 64 ^ shift) % 64
      out = out .. letters:sub(i + 1, i + 1)
    end
    return out
  end))
end

request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, '{"key":"' .. base64(string.format("/bench/%05d", n % 10000)) .. '","value":"' .. value .. '"}')
end
