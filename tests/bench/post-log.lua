-- SPDX-License-Identifier: LGPL-2.1-or-later
-- wrk: one text line a request, as the fixed form of POST /log has it.
wrk.method = "POST"
wrk.headers["Content-Type"] = "text/plain"
wrk.body = "a line of the length that a service writes now and then"
