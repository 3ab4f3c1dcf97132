// The only HTTP client, over libcurl. Blocking; thread-safe: each call borrows a handle of a small pool, so connections
// are used again. http and https only; redirects are not followed. Nothing secret gets into errors.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "platform/http/message.hpp"

namespace corral::net {

struct ClientRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    Secret bearer;   // Authorization: Bearer …, when set
    Secret api_key;  // X-Api-Key, when set
    std::string body;
    std::string content_type = "application/json";  // of a body
    std::chrono::milliseconds connect_limit{std::chrono::seconds{10}};
    std::chrono::milliseconds limit{std::chrono::minutes{10}};
    std::stop_token cancel;
    // When set, asked for each numeric address before a connection to it is made; no proxy is used then.
    std::function<bool(const std::string& address)> may_connect = {};
};

struct ClientResponse {
    int status = 0;
    http::Headers headers;
    std::string body;
};

class HttpClient {
public:
    struct Options {
        std::string ca_file;                   // empty: the system's
        bool accept_any_certificate = false;   // TLS_DISABLE_VALIDATION
        std::size_t body_limit = 512U << 20U;  // larger answers are Errc::too_large
    };
    explicit HttpClient(Options options);
    HttpClient() : HttpClient(Options{}) {}
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // Any status is a success here. Errc::unavailable: no connection or a broken one; Errc::timeout: limit or cancel;
    // Errc::invalid: a header that would not stay one line; Errc::forbidden: may_connect said no.
    Result<ClientResponse> send(const ClientRequest& request);

private:
    struct Pool;
    std::unique_ptr<Pool> pool_;
};

}  // namespace corral::net
