#include "platform/http/route.hpp"

#include <cstdlib>

#include "base/log.hpp"
#include "platform/http/target.hpp"

namespace corral::http {

namespace {

std::string lower(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c != ' ' && c != '"') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

// "Application/JSON; charset=utf-8" → "application/json"
std::string media_type(std::string_view header) { return lower(header.substr(0, header.find(';'))); }

bool looks_like_json(std::string_view body) {
    const auto at = body.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && (body[at] == '{' || body[at] == '[');
}

bool is_blank(std::string_view body) { return body.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

std::optional<std::string> unreadable_body(const Request& request) {
    if (is_blank(request.body)) return std::nullopt;
    if (const auto coding = lower(request.headers.get("Content-Encoding")); !coding.empty() && coding != "identity")
        return "Bodies are taken without content coding only";
    const auto header = request.headers.get("Content-Type");
    const std::string all = lower(header);
    if (const auto at = all.find(";charset="); at != std::string::npos) {
        const std::string charset = all.substr(at + 9, all.find(';', at + 1) - at - 9);
        // Others of one byte are read as what they share with UTF-8; the rest would be refused as not Unicode anyhow.
        if (charset.starts_with("utf-16") || charset.starts_with("utf-32") || charset.starts_with("ucs"))
            return "Text is taken in UTF-8 only";
    }
    // Clients say all kinds of things about JSON, or nothing (clients.md 5, 9); what cannot be JSON is told as such.
    const std::string type = media_type(header);
    if (looks_like_json(request.body) || type.empty() || type == "application/json" || type.ends_with("+json") ||
        type == "text/json" || type == "text/plain" || type == "application/octet-stream" ||
        type == "application/x-www-form-urlencoded" || type == "multipart/form-data")
        return std::nullopt;
    return "This content type is not taken; send application/json";
}

namespace detail {

Result<Body> body_of(const Request& request, bool optional) {
    Body out;
    if (is_blank(request.body)) {
        if (optional) return out;
        return Error{Errc::invalid, "Invalid request body: the body is empty"};
    }
    const std::string type = media_type(request.headers.get("Content-Type"));
    if (type == "multipart/form-data")
        return Error{Errc::invalid, "Invalid request body: send JSON instead of a multipart form"};
    // curl's default type with a JSON body means JSON (quirk Q18).
    if (type != "application/x-www-form-urlencoded" || looks_like_json(request.body)) {
        out.json = request.body;
        return out;
    }
    auto form = parse_form(request.body);
    if (!form) return Error{Errc::invalid, "Invalid request body: the form has broken escapes"};
    out.form = std::move(*form);
    out.is_form = true;
    return out;
}

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
