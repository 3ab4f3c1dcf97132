#include "raw.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace corral::tests {

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Raw::Raw(int port, int receive_buffer) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0) fail("socket");
    if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
}

Raw::~Raw() { ::close(socket_); }

void Raw::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put < 0) fail("send");
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void Raw::end_sending() { ::shutdown(socket_, SHUT_WR); }

bool Raw::fill() {
    std::array<char, 65536> buffer{};
    const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == ECONNRESET) return false;
    if (got < 0) fail("nothing came");
    buffer_.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
}

std::string Raw::read(std::size_t bytes) {
    while (buffer_.size() < bytes)
        if (!fill()) throw std::runtime_error("the connection ended early, after: " + buffer_);
    std::string out = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return out;
}

std::string Raw::read_until(std::string_view mark) {
    for (;;) {
        if (const auto at = buffer_.find(mark); at != std::string::npos) return read(at + mark.size());
        if (!fill()) throw std::runtime_error("the connection ended early, after: " + buffer_);
    }
}

Raw::Answer Raw::answer(bool head_only) {
    Answer out;
    std::string head = read_until("\r\n\r\n");
    out.status = std::stoi(head.substr(head.find(' ') + 1, 3));
    for (auto at = head.find("\r\n") + 2; at + 2 < head.size();) {
        const auto end = head.find("\r\n", at);
        const auto colon = head.find(": ", at);
        if (colon < end) out.headers.add(head.substr(at, colon - at), head.substr(colon + 2, end - colon - 2));
        at = end + 2;
    }
    const auto length = out.headers.get("Content-Length");
    if (!head_only && !length.empty()) out.body = read(std::stoul(std::string(length)));
    return out;
}

bool Raw::closed() {
    if (!buffer_.empty()) return false;
    return !fill() && buffer_.empty();
}

std::string Raw::rest() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
}

}  // namespace corral::tests
