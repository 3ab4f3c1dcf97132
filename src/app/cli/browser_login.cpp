// `corral login --oidc`: the browser signs in at the provider and brings a code back to a port of this machine
// (RFC 8252), which only the verifier kept here turns into a token.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

#include "app/cli/commands.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/http/target.hpp"

namespace corral::cli {

namespace {

constexpr std::size_t verifier_letters = 64;
constexpr int patience_ms = 5 * 60 * 1000;
constexpr std::size_t longest_request = 16'384;

struct Redeem {
    std::string code, verifier;
};
constexpr auto json_object(const Redeem*) {
    return json::object("Redeem", json::field("code", &Redeem::code), json::field("verifier", &Redeem::verifier));
}
struct Granted {
    std::string email, token;
};
constexpr auto json_object(const Granted*) {
    return json::object("Granted", json::field("email", &Granted::email), json::required("token", &Granted::token));
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

Result<int> listen_here(int listener) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof place;
    if (listener < 0 || ::bind(listener, reinterpret_cast<const sockaddr*>(&place), size) != 0 ||
        ::listen(listener, 4) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&place), &size) != 0)
        return system_error(errno, "listen on 127.0.0.1");
    return ntohs(place.sin_port);
}

bool readable(int fd) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, patience_ms) == 1;
}

// The code of the request that brings one; others (an icon, a curious program) get their answer and do not count.
Result<std::string> wait_for_code(int listener) {
    const Error late{Errc::timeout, "Nobody signed in within five minutes"};
    for (;;) {
        if (!readable(listener)) return late;
        const Descriptor connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        std::string text;
        while (text.find("\r\n\r\n") == std::string::npos && text.size() < longest_request) {
            char some[2048];
            if (!readable(connection.get())) break;
            const ssize_t count = ::recv(connection.get(), some, sizeof some, 0);
            if (count <= 0) break;
            text.append(some, static_cast<std::size_t>(count));
        }
        std::string code;
        const auto from = text.find(' ');
        const auto to = from == std::string::npos ? from : text.find(' ', from + 1);
        if (to != std::string::npos)
            if (const auto target = http::parse_target(std::string_view(text).substr(from + 1, to - from - 1)))
                for (const auto& [name, value] : target->query)
                    if (name == "code") code = value;
        const std::string page =
            code.empty() ? "This is not what corral waits for.\n" : "You are signed in. This window can be closed.\n";
        const std::string answer =
            std::string(code.empty() ? "HTTP/1.1 404 Not Found" : "HTTP/1.1 200 OK") +
            "\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " + std::to_string(page.size()) +
            "\r\n\r\n" + page;
        (void)::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        if (!code.empty()) return code;
    }
}

}  // namespace

Result<std::string> browser_login(Session& session) {
    crypto::init();
    const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int port = TRY(listen_here(listener.get()));
    const std::string verifier = crypto::random_alphanumeric(verifier_letters);
    const auto digest = crypto::sha256(verifier);
    const std::string challenge = crypto::base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
    std::fprintf(stderr,
                 "Sign in with a browser of this machine:\n"
                 "%s/api/v1/auth/oidc/login?return_to=http%%3A%%2F%%2F127.0.0.1%%3A%d%%2F&challenge=%s\n",
                 session.url.c_str(), port, challenge.c_str());
    std::fflush(stderr);
    const std::string code = TRY(wait_for_code(listener.get()));
    Client client(session);
    const auto granted = TRY(client.send<Granted>("POST", "/v1/auth/oidc/token", Redeem{code, verifier}));
    session.token = Secret(granted.token);
    return granted.email;
}

}  // namespace corral::cli
