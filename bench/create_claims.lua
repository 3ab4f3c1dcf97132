-- Every request makes a claim of another name. Ends with one line of JSON. Usage: wrk -t 1 … -s create_claims.lua URL -- PREFIX
local prefix, made = "", 0

function init(args)
    prefix = args[1]
end

function request()
    made = made + 1
    return wrk.format("POST", nil, nil, string.format('{"name":"%s_%d"}', prefix, made))
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"requests": %d, "seconds": %.6f, "p99_ms": %.3f, "errors": %d}\n', summary.requests,
                           summary.duration / 1e6, latency:percentile(99) / 1e3,
                           e.connect + e.read + e.write + e.status + e.timeout))
end
