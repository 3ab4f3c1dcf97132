// POST /ssh/execute: a command on another computer. Off unless switched on, for it makes this server a way into its
// network (quirk Q17). Thread-safe; blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "platform/json/json.hpp"

namespace corral::system {

struct SshRequest {
    std::string host;
    std::int64_t port = 0;
    std::string username, command;
    Secret password, key;
    bool enable_insecure_key = false;
};
constexpr auto json_object(const SshRequest*) {
    using json::field, json::required;
    return json::object("SshExecutionRequest", required("host", &SshRequest::host), required("port", &SshRequest::port),
                        required("username", &SshRequest::username), required("command", &SshRequest::command),
                        field("password", &SshRequest::password),
                        field("key", &SshRequest::key, "Private key, PEM; instead of a password"),
                        field("enable_insecure_key", &SshRequest::enable_insecure_key, "Take any host key"));
}

struct SshAnswer {
    std::string output, error;
};
constexpr auto json_object(const SshAnswer*) {
    return json::object("SshExecutionResponse", json::field("output", &SshAnswer::output),
                        json::omit("error", &SshAnswer::error));
}

class Remote {
public:
    struct Options {
        bool enabled = false;
        bool accept_any_host_key = false;
        std::string known_hosts, global_known_hosts;
        std::chrono::milliseconds limit{std::chrono::minutes{3}};
    };
    explicit Remote(Options options) : options_(std::move(options)) {}

    // The fields first, then whether it is on at all: Errc::invalid, then Errc::forbidden. A command that fails is
    // Errc::internal with its exit code and the end of its output.
    [[nodiscard]] Result<SshAnswer> execute(const SshRequest& request) const;

private:
    Options options_;
};

}  // namespace corral::system
