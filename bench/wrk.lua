-- Requests the given paths in turn and ends with one line of JSON. Usage: wrk … -s wrk.lua URL -- PATH…
local paths, turn = {}, 0

function init(args)
    for i = 1, #args do paths[i] = args[i] end
end

function request()
    turn = turn % #paths + 1
    return wrk.format(nil, paths[turn])
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "p99_ms": %.3f, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e3,
        e.connect + e.read + e.write + e.status + e.timeout))
end
