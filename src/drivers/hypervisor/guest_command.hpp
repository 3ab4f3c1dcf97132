// Rules for guest commands that do not depend on the hypervisor. Free functions.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "machines/driver.hpp"

namespace corral::drivers {

// POSIX names only (quirk M16): everything else could change the meaning of the command line around it.
constexpr bool is_variable_name(std::string_view name) {
    constexpr auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !name.empty() && letter(name.front()) &&
           std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// The command as an argument vector, with its variables set by env(1); nothing is ever pasted into a shell line.
inline Result<std::vector<std::string>> guest_argv(const machines::GuestCommand& command) {
    constexpr std::size_t longest = 100U << 10U;  // Linux takes 128 KiB for one argument (MAX_ARG_STRLEN)
    std::vector<std::string> argv;
    if (!command.env.empty()) argv.emplace_back("env");
    for (const auto& [name, value] : command.env) {
        if (!is_variable_name(name))
            return invalid_field("environment_variables", "holds a name that is none: " + name);
        argv.push_back(name + "=" + value);
    }
    if (command.use_shell) {
        if (command.shell_line.empty()) return invalid_field("command", "is required");
        argv.insert(argv.end(), {"/bin/sh", "-c", command.shell_line});
    } else {
        if (command.argv.empty() || command.argv.front().empty()) return invalid_field("command", "is required");
        if (!command.env.empty() && command.argv.front().find('=') != std::string::npos)
            return invalid_field("command", "cannot hold '=' when variables are set");
        argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    }
    for (const std::string& one : argv) {
        if (one.size() > longest) return Error{Errc::too_large, "The command is too long for one line"};
        if (one.find('\0') != std::string::npos) return invalid_field("command", "holds a NUL character");
    }
    return argv;
}

}  // namespace corral::drivers
