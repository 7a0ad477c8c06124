-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Registrations of ten thousand services in turn. None says which process it is, so each is written, the first time and every other.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local n = 0

request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, '{"ServiceName":"Many","ServiceURL":"http://127.0.0.1:1/' .. (n % 10000) .. '"}')
end
