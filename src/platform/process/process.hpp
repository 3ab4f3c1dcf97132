// Runs another program: argument vector, no shell, deadline, cancel, output captured apart. Blocks; any thread.
// The child gets its own process group; at the deadline or on cancel the group is killed and reaped. Uses a pidfd for
// the child (never waitpid(-1): libvirt reaps its own helpers).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace corral::process {

struct Command {
    std::vector<std::string> argv;           // argv[0] is looked up on PATH unless it holds a '/'
    std::map<std::string, std::string> env;  // added to this process's environment
    std::string working_folder;              // empty: ours
    std::string input;                       // given to standard input, then closed
    std::chrono::milliseconds time_limit{std::chrono::minutes{3}};
    std::stop_token cancel;
    std::size_t output_limit = 64U << 20;  // bytes kept of each stream; more is an Errc::too_large error
    std::function<void(std::string_view line)>
        on_output_line;  // each line of standard output as it comes; may be empty
};

struct Outcome {
    int exit_code = 0;  // 128 + signal when killed by one
    std::string out;
    std::string err;
};

// Errc::not_found: no such program. Errc::timeout: killed at the limit or on cancel. Any exit code is a success here.
Result<Outcome> run(const Command&);
// Where `program` is found on PATH.
std::optional<std::string> find_program(std::string_view program);

}  // namespace corral::process
