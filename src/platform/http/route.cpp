#include "platform/http/route.hpp"

#include <cstdlib>

#include "base/log.hpp"
#include "platform/http/target.hpp"

namespace corral::http {

namespace {

// "application/json; charset=utf-8" → "application/json"
std::string media_type(std::string_view header) {
    std::string out;
    for (const char c : header.substr(0, header.find(';')))
        if (c != ' ') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

bool looks_like_json(std::string_view body) {
    const auto at = body.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && (body[at] == '{' || body[at] == '[');
}

}  // namespace

Result<std::string> body_as_json(const Request& request, bool optional) {
    const std::string& body = request.body;
    if (body.find_first_not_of(" \t\r\n") == std::string::npos) {
        if (optional) return std::string{};
        return Error{Errc::invalid, "Invalid request body: the body is empty"};
    }
    const std::string type = media_type(request.headers.get("Content-Type"));
    if (type == "multipart/form-data")
        return Error{Errc::invalid, "Invalid request body: send JSON instead of a multipart form"};
    // curl's default type with a JSON body means JSON (quirk Q18).
    if (type != "application/x-www-form-urlencoded" || looks_like_json(body)) return body;
    const auto form = parse_form(body);
    if (!form) return Error{Errc::invalid, "Invalid request body: the form has broken escapes"};
    std::map<std::string, std::string> members;
    for (const auto& [key, value] : *form) members.try_emplace(key, value);  // the first value counts
    return json::to_text(members);
}

namespace detail {

std::size_t count_parameters(std::string_view pattern) {
    std::size_t count = 0;
    for (const char c : pattern) count += c == '{' ? 1 : 0;
    return count;
}

void refuse_row(std::string_view pattern, const char* why) {
    log::error("A route does not fit its handler", {{"route", pattern}, {"why", why}});
    std::abort();  // a bug of ours, found at the first start
}

Result<Response> finish(int success, std::string body) {
    Response r;
    r.status = success;
    r.body = std::move(body);
    return r;
}

}  // namespace detail

Route socket(std::string pattern, Access access, std::string summary,
             std::function<Result<SocketHandler>(const Call&)> open) {
    Route r{.methods = {Method::get},
            .pattern = std::move(pattern),
            .access = std::move(access),
            .summary = std::move(summary)};
    r.success = 101;
    r.open_socket = std::move(open);
    return r;
}

}  // namespace corral::http
