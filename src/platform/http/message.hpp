// HTTP requests and answers as the rest of the program sees them: no sockets, no Asio. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace corral::http {

enum class Method { get, head, post, put, patch, del, options, other };
std::string_view to_text(Method);
Method method_from_text(std::string_view);

// Field names compare without case; order and repetition are kept.
class Headers {
public:
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    void set(std::string_view name, std::string value);
    void erase(std::string_view name);
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;  // first of that name
    [[nodiscard]] std::string_view get(std::string_view name) const;                  // "" when absent
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
    Method method = Method::get;
    std::string method_text;  // as sent; useful when `method` is other
    std::string target;       // as sent: path and query, undecoded
    std::string path;         // decoded, slashes collapsed, no trailing slash (but "/" alone)
    std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
    Headers headers;
    std::string body;
    std::string peer;        // address of the client, without port
    std::string request_id;  // the client's X-Request-Id when well formed, else ours
    bool tls = false;
    std::string trace_parent;  // W3C traceparent of this request's own span; empty when it is not traced

    [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const;
};

// Part of a file as a body; opened before the answer starts, so a later unlink does not matter.
// `length` bytes from `offset`; the descriptor is closed with the last owner.
struct FileBody {
    std::shared_ptr<const int> descriptor;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};
// Opens a regular file for a body (whole file when length is nullopt).
Result<FileBody> open_file_body(const std::string& path, std::uint64_t offset = 0,
                                std::optional<std::uint64_t> length = std::nullopt);

struct Response {
    int status = 200;
    std::string content_type = "application/json";  // exactly; no charset (clients compare the whole header)
    Headers headers;
    std::string body;
    std::optional<FileBody> file;           // instead of `body`
    std::function<void()> after_sent = {};  // runs on a network thread once the answer is out; must not block
};

// One WebSocket connection, as the owner of a socket route sees it. send() may be called from any thread and never
// blocks: it queues; a client whose queue exceeds its bound is closed with 1013. Messages are shared, not copied.
// Whoever holds one lets go of it when `closed` is called: none may outlive the server.
class Socket {
public:
    virtual ~Socket() = default;
    virtual void send(std::shared_ptr<const std::string> message, bool binary = false) = 0;
    virtual void close(int code, std::string reason) = 0;
    [[nodiscard]] virtual std::size_t queued() const = 0;  // messages waiting
};

// What a socket route returns: called on a network thread, must not block. `opened` comes first, `closed` last, once;
// when the handshake fails `closed` comes alone.
struct SocketHandler {
    std::function<void(std::shared_ptr<Socket>)> opened;
    std::function<void(std::string_view message, bool binary)> received;
    std::function<void()> pong;  // a protocol pong came (may be empty)
    std::function<void()> closed;
};

}  // namespace corral::http
