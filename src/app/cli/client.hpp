// The API as the CLI uses it: typed calls, errors of the server as Error. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "app/cli/session.hpp"
#include "base/error.hpp"
#include "platform/json/json.hpp"
#include "platform/net/http_client.hpp"

namespace corral::cli {

class Client {
public:
    explicit Client(Session session) : session_(std::move(session)) {}

    // The body of a 2xx answer; `path` starts below /api. Other answers are errors with the server's message.
    Result<std::string> call(std::string_view method, const std::string& path, std::string body = "",
                             std::string_view content_type = "application/json");
    template <class T>
    Result<T> get(const std::string& path) {
        return json::read<T>(TRY(call("GET", path)));
    }
    template <class T, class Body>
    Result<T> send(std::string_view method, const std::string& path, const Body& body) {
        return json::read<T>(TRY(call(method, path, json::to_text(body))));
    }
    [[nodiscard]] const Session& session() const { return session_; }

private:
    Session session_;
    net::HttpClient http_;
};

// One path segment, percent-encoded (RFC 3986 2.1).
std::string path_segment(std::string_view text);

}  // namespace corral::cli
