-- Logins at full speed. 503 says that too many wait, and is no error here. Ends with one line of JSON.
-- Usage: wrk -t 1 … -s login_flood.lua URL -- PASSWORD
local body, threads = "", {}
good, busy, other = 0, 0, 0 -- global, so that done() can get at them

function setup(thread) table.insert(threads, thread) end

function init(args)
    good, busy, other = 0, 0, 0
    body = string.format('{"email":"root","password":"%s"}', args[1])
end

function request()
    return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
end

function response(status)
    if status == 200 then good = good + 1 elseif status == 503 then busy = busy + 1 else other = other + 1 end
end

function done(summary, latency)
    local g, b, o = 0, 0, 0
    for _, thread in ipairs(threads) do
        g, b, o = g + thread:get("good"), b + thread:get("busy"), o + thread:get("other")
    end
    local e = summary.errors
    io.write(string.format('{"good": %d, "busy": %d, "seconds": %.6f, "errors": %d}\n', g, b, summary.duration / 1e6,
                           o + e.connect + e.read + e.write + e.timeout))
end
