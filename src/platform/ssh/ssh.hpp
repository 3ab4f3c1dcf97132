// Runs one command on another computer over SSH (libssh). Blocking; any thread; nothing is kept between calls. Secrets
// stay in memory: none gets into an argument list, a file or an error. The service user's ssh configuration, agent and
// keys are not used.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::ssh {

struct Command {
    std::string host;  // a name or an address
    int port = 22;
    std::string user;
    std::string command;  // for the user's shell there
    Secret password;      // not used when there is a key
    Secret private_key;   // PEM or OpenSSH format, without passphrase
    // Files in the format of known_hosts; the host's key must stand in one of them unless any key will do.
    std::string known_hosts, global_known_hosts;
    bool accept_any_host_key = false;
    std::chrono::milliseconds connect_limit{std::chrono::seconds{30}};
    std::chrono::milliseconds limit{std::chrono::minutes{3}};  // of the whole call
    std::size_t output_limit = 4U << 20;                       // bytes; more is Errc::too_large
    std::stop_token cancel;
};

struct Outcome {
    int exit_code = 0;   // -1: ended by a signal
    std::string output;  // standard output and error as they came
};

// Errc::upstream: no connection, an unknown or changed host key, credentials refused; Errc::timeout: limit or cancel;
// Errc::invalid: a host or key that cannot be one. Any exit code is a success here.
Result<Outcome> run(const Command& command);

}  // namespace corral::ssh
