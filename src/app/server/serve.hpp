// `corral serve`: the service in the foreground until SIGTERM or SIGINT.
#pragma once

#include <string>
#include <vector>

namespace corral::app {

// `flags` are the words after the command. Returns the process's exit code: 0 after a graceful stop, 2 for a wrong
// configuration, 1 for everything else. Call before any thread runs.
int serve(const std::vector<std::string>& flags);

}  // namespace corral::app
