#include "app/cli/client.hpp"

#include <fmt/format.h>

#include <cctype>

namespace corral::cli {

namespace {

// Both error faces of the contract; whichever members are there.
struct ServerError {
    std::string message, error, error_description;
};
constexpr auto json_object(const ServerError*) {
    using json::field;
    return json::object("ServerError", field("message", &ServerError::message), field("error", &ServerError::error),
                        field("error_description", &ServerError::error_description));
}

Errc code_of(int status) {
    switch (status) {
        case 400: return Errc::invalid;
        case 401: return Errc::unauthenticated;
        case 403: return Errc::forbidden;
        case 404: return Errc::not_found;
        case 409: return Errc::conflict;
        case 413: return Errc::too_large;
        case 429: return Errc::too_many;
        case 501: return Errc::unsupported;
        case 502: return Errc::upstream;
        case 503: return Errc::unavailable;
        case 504: return Errc::timeout;
        default: return Errc::internal;
    }
}

Error error_of(const net::ClientResponse& answer) {
    std::string message;
    if (const auto told = json::read<ServerError>(answer.body)) {
        message = !told->message.empty() ? told->message : told->error_description;
        if (message.empty()) message = told->error;
    }
    if (message.empty()) message = "The server answered " + std::to_string(answer.status);
    return Error{code_of(answer.status), std::move(message)};
}

}  // namespace

std::string path_segment(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~')
            out += c;
        else
            out += fmt::format("%{:02X}", byte);
    }
    return out;
}

Result<std::string> Client::call(std::string_view method, const std::string& path, std::string body,
                                 std::string_view content_type) {
    net::ClientRequest request;
    request.method = std::string(method);
    request.url = session_.url + "/api" + path;
    request.bearer = session_.token;
    request.api_key = session_.api_key;
    request.body = std::move(body);
    request.content_type = std::string(content_type);
    auto answer = TRY(http_.send(request));
    if (answer.status < 200 || answer.status > 299) return error_of(answer);
    return std::move(answer.body);
}

}  // namespace corral::cli
