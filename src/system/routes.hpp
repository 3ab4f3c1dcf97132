// The routes of configuration, logs, health and SSH.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "platform/http/route.hpp"
#include "system/logs/log_stream.hpp"
#include "system/remote/remote.hpp"
#include "system/service.hpp"
#include "system/tools/tools.hpp"

namespace corral::system {

// What the routes act on; all of it outlives them.
struct Parts {
    const Clock& clock;
    Service& service;
    LogStream& log_stream;
    Tools& tools;
    Remote& remote;
    std::string log_file;  // empty: no log is kept on disk
    // Begin to renew the listeners, and to stop the process; called on a network thread when the answer is out.
    std::function<void()> restart, shutdown;
    std::function<Result<void>()> database_answers;  // blocks
    std::function<std::string()> metrics;            // for Prometheus, as text
};
std::vector<http::Route> routes(const Parts& parts);

}  // namespace corral::system
