#include "platform/ssh/ssh.hpp"

#include <libssh/libssh.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/clock.hpp"

namespace corral::ssh {

namespace {

constexpr int poll_ms = 100;  // how long a cancel may go unseen

struct Free {
    void operator()(ssh_session session) const {
        ssh_disconnect(session);
        ssh_free(session);
    }
    void operator()(ssh_channel channel) const { ssh_channel_free(channel); }
    void operator()(ssh_key key) const { ssh_key_free(key); }
};
using Session = std::unique_ptr<ssh_session_struct, Free>;
using Channel = std::unique_ptr<ssh_channel_struct, Free>;
using Key = std::unique_ptr<ssh_key_struct, Free>;

Error failed(ssh_session session, std::string message) {
    return Error{Errc::upstream, std::move(message), ssh_get_error(session)};
}

// libssh would read user@host, and hand control characters on.
bool plain_host(std::string_view host) {
    return !host.empty() && host.size() <= 255 && host.front() != '-' && std::ranges::all_of(host, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
    });
}

class Deadline {
public:
    Deadline(std::chrono::milliseconds limit, std::stop_token cancel)
        : end_(clock_.steady() + limit), cancel_(std::move(cancel)) {}
    [[nodiscard]] bool over() const { return cancel_.stop_requested() || clock_.steady() >= end_; }
    [[nodiscard]] std::chrono::milliseconds left() const {
        return std::max(std::chrono::milliseconds{1},
                        std::chrono::duration_cast<std::chrono::milliseconds>(end_ - clock_.steady()));
    }

private:
    SystemClock clock_;
    SteadyTime end_;
    std::stop_token cancel_;
};

Result<Session> connect(const Command& c, const Deadline& deadline) {
    Session session(ssh_new());
    if (!session) return Error{Errc::internal, "No SSH session can be made"};
    const bool no = false;
    const auto limit =
        std::chrono::duration_cast<std::chrono::microseconds>(std::min(c.connect_limit, deadline.left()));
    long seconds = static_cast<long>(limit.count() / 1'000'000);
    long micros = static_cast<long>(limit.count() % 1'000'000);
    const auto port = static_cast<unsigned>(c.port);
    int bad = ssh_options_set(session.get(), SSH_OPTIONS_PROCESS_CONFIG, &no);
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_HOST, c.host.c_str());
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_PORT, &port);
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_USER, c.user.c_str());
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_TIMEOUT, &seconds);
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_TIMEOUT_USEC, &micros);
    // Known before the connection is made: the kind of key that is asked for depends on it.
    const auto file = [&](const std::string& path) {
        return c.accept_any_host_key || path.empty() ? "/dev/null" : path.c_str();
    };
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_KNOWNHOSTS, file(c.known_hosts));
    bad |= ssh_options_set(session.get(), SSH_OPTIONS_GLOBAL_KNOWNHOSTS, file(c.global_known_hosts));
    if (bad != 0) return invalid_field("host", "cannot be used: " + std::string(ssh_get_error(session.get())));
    if (ssh_connect(session.get()) != SSH_OK) {
        if (deadline.over()) return Error{Errc::timeout, "The SSH server did not answer in time"};
        return failed(session.get(), "No SSH connection to " + c.host + " could be made");
    }
    return session;
}

Result<void> check_host_key(ssh_session session, const Command& c) {
    if (c.accept_any_host_key) return {};
    const auto state = ssh_session_is_known_server(session);
    if (state == SSH_KNOWN_HOSTS_OK) return {};
    const bool changed = state == SSH_KNOWN_HOSTS_CHANGED || state == SSH_KNOWN_HOSTS_OTHER;
    return Error{Errc::upstream, changed
                                     ? "The key of " + c.host + " is not the one that is known: somebody may listen"
                                     : "The key of " + c.host +
                                           " is not known; add it to the known hosts of the service's user, or send "
                                           "enable_insecure_key"};
}

// One prompt after the other gets the password, as most servers ask it that way.
int answer_prompts(ssh_session session, const Secret& password) {
    int state = ssh_userauth_kbdint(session, nullptr, nullptr);
    for (int round = 0; state == SSH_AUTH_INFO && round < 10; ++round) {
        const int prompts = ssh_userauth_kbdint_getnprompts(session);
        for (int i = 0; i < prompts; ++i)
            ssh_userauth_kbdint_setanswer(session, static_cast<unsigned>(i), password.reveal().c_str());
        state = ssh_userauth_kbdint(session, nullptr, nullptr);
    }
    return state;
}

Result<void> sign_in(ssh_session session, const Command& c) {
    int state = ssh_userauth_none(session, nullptr);
    if (state == SSH_AUTH_SUCCESS) return {};
    if (!c.private_key.empty()) {
        ssh_key imported = nullptr;
        if (ssh_pki_import_privkey_base64(c.private_key.reveal().c_str(), nullptr, nullptr, nullptr, &imported) !=
            SSH_OK)
            return invalid_field("key", "is no private key that can be used without a passphrase");
        const Key key(imported);
        state = ssh_userauth_publickey(session, nullptr, key.get());
    } else {
        const int methods = ssh_userauth_list(session, nullptr);
        if ((methods & SSH_AUTH_METHOD_PASSWORD) != 0)
            state = ssh_userauth_password(session, nullptr, c.password.reveal().c_str());
        if (state != SSH_AUTH_SUCCESS && (methods & SSH_AUTH_METHOD_INTERACTIVE) != 0)
            state = answer_prompts(session, c.password);
    }
    if (state == SSH_AUTH_SUCCESS) return {};
    return failed(session, c.host + " refused the credentials of " + c.user);
}

Result<Outcome> execute(ssh_session session, const Command& c, const Deadline& deadline) {
    const Channel channel(ssh_channel_new(session));
    if (!channel || ssh_channel_open_session(channel.get()) != SSH_OK)
        return failed(session, c.host + " opened no session");
    if (ssh_channel_request_exec(channel.get(), c.command.c_str()) != SSH_OK)
        return failed(session, c.host + " did not run the command");
    ssh_channel_send_eof(channel.get());
    Outcome out;
    std::array<char, 16'384> buffer{};
    while (true) {
        bool some = false;
        for (const int from_stderr : {0, 1}) {
            const int got = ssh_channel_read_nonblocking(channel.get(), buffer.data(), buffer.size(), from_stderr);
            if (got == SSH_ERROR) return failed(session, "The connection to " + c.host + " broke");
            if (got <= 0) continue;
            some = true;
            out.output.append(buffer.data(), static_cast<std::size_t>(got));
            if (out.output.size() > c.output_limit)
                return Error{Errc::too_large,
                             "The command wrote more than " + std::to_string(c.output_limit) + " bytes"};
        }
        if (some) continue;
        if (ssh_channel_is_eof(channel.get()) != 0 || ssh_channel_is_closed(channel.get()) != 0) break;
        if (deadline.over()) return Error{Errc::timeout, "The command did not end in the time allowed"};
        ssh_channel_poll_timeout(channel.get(), poll_ms, 0);
    }
    // The exit code may come after the end of the output.
    while ((out.exit_code = ssh_channel_get_exit_status(channel.get())) == -1 &&
           ssh_channel_is_closed(channel.get()) == 0 && !deadline.over())
        ssh_channel_poll_timeout(channel.get(), poll_ms, 0);
    return out;
}

}  // namespace

Result<Outcome> run(const Command& c) {
    if (!plain_host(c.host)) return invalid_field("host", "must be a host name or an address");
    if (c.port < 1 || c.port > 65'535) return invalid_field("port", "must be from 1 to 65535");
    const Deadline deadline(c.limit, c.cancel);
    const Session session = TRY(connect(c, deadline));
    TRY(check_host_key(session.get(), c));
    TRY(sign_in(session.get(), c));
    return execute(session.get(), c, deadline);
}

}  // namespace corral::ssh
