-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Grades in the fixed form, one for each student in turn; the first argument is how many students there are, the second the number of
-- milliseconds that a connection waits between two of them at the most, 0 for none.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local students, pause, n = 1, 0, 0

init = function(arguments)
  students = tonumber(arguments[1])
  pause = tonumber(arguments[2])
end

delay = function()
  return pause > 0 and math.random(0, pause) or 0
end

request = function()
  n = n + 1
  return wrk.format(nil, "/students/" .. (n % students + 1) .. "/grades", nil,
                    '{"Title":"Quiz ' .. math.floor(n / students) .. '","Type":"Quiz","Score":' .. (n % 100) .. '}')
end
