#include "system/remote/remote.hpp"

#include "platform/ssh/ssh.hpp"

namespace corral::system {

namespace {
constexpr std::size_t shown_bytes = 16U << 10U;  // of the output of a failed command
constexpr std::int64_t last_port = 65'535;

std::string end_of(const std::string& text) {
    return text.size() <= shown_bytes ? text : "…" + text.substr(text.size() - shown_bytes);
}
}  // namespace

Result<SshAnswer> Remote::execute(const SshRequest& request) const {
    if (request.port < 1 || request.port > last_port) return invalid_field("/port", "must be from 1 to 65535");
    if (!options_.enabled)
        return Error{Errc::forbidden, "Commands over SSH are switched off on this server (ENABLE_SSH_EXECUTE)"};
    auto ran = ssh::run({.host = request.host,
                         .port = static_cast<int>(request.port),
                         .user = request.username,
                         .command = request.command,
                         .password = request.password,
                         .private_key = request.key,
                         .known_hosts = options_.known_hosts,
                         .global_known_hosts = options_.global_known_hosts,
                         .accept_any_host_key = request.enable_insecure_key || options_.accept_any_host_key,
                         .limit = options_.limit,
                         .cancel = {}});
    if (!ran) return std::move(ran).error();
    if (ran->exit_code != 0)
        return Error{Errc::internal,
                     "The command ended with exit code " + std::to_string(ran->exit_code) + ": " + end_of(ran->output)};
    return SshAnswer{.output = std::move(ran->output), .error = ""};
}

}  // namespace corral::system
