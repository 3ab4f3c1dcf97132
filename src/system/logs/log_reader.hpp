// Reads the service's own log file from its end. Free functions; any thread; they block on the disk.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "platform/http/message.hpp"

namespace corral::system {

// What is asked for; a default-made one means the whole current file.
struct LogQuery {
    std::optional<std::size_t> lines;      // the last ones only
    std::optional<Time> since;             // not older
    log::Level level = log::Level::trace;  // this one and above
    std::string contains;                  // as it stands, case matters

    [[nodiscard]] bool everything() const { return !lines && !since && level == log::Level::trace && contains.empty(); }
};

// From the query parameters lines, since (RFC 3339, or an age such as 90s, 15m, 2h, 3d), level and contains.
// Errc::invalid names the parameter.
Result<LogQuery> log_query(const http::Request& request, Time now);

// The lines that fit, oldest first, of `file` and of what it was rotated into (corral.1.log, …). At most 16 MiB: the
// newest are kept then.
Result<std::string> read_log(const std::string& file, const LogQuery& query);

}  // namespace corral::system
