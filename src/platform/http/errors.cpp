#include "platform/http/errors.hpp"

#include <array>
#include <chrono>

#include "base/clock.hpp"

namespace corral::http {

namespace {

struct StackItem {
    std::string error, description, path;
    int code = 0;
};
constexpr auto json_object(const StackItem*) {
    return json::object("ApiErrorStack", json::field("error", &StackItem::error),
                        json::omit("description", &StackItem::description), json::omit("path", &StackItem::path),
                        json::omit("code", &StackItem::code));
}

struct ApiError {
    std::string message;
    std::vector<StackItem> stack;
    int code = 0;
};
constexpr auto json_object(const ApiError*) {
    return json::object("ApiErrorResponse", json::field("message", &ApiError::message),
                        json::omit("stack", &ApiError::stack), json::omit("code", &ApiError::code));
}

struct OAuthError {
    std::string error = "unauthorized_client";
    std::string error_description;
};
constexpr auto json_object(const OAuthError*) {
    return json::object("OAuthErrorResponse", json::field("error", &OAuthError::error),
                        json::omit("error_description", &OAuthError::error_description));
}

struct DiagnosticsItem {
    std::string code, message, timestamp, component;
};
constexpr auto json_object(const DiagnosticsItem*) {
    return json::object(
        "DiagnosticsItem", json::omit("code", &DiagnosticsItem::code), json::omit("message", &DiagnosticsItem::message),
        json::field("timestamp", &DiagnosticsItem::timestamp), json::omit("component", &DiagnosticsItem::component));
}

// The last three members exist for clients of the reference; source positions are not shown (quirk Q20).
struct DiagnosticsPath {
    std::string operation, component = "diagnostics", timestamp;
    int duration = 0, line_number = 0;
    std::string file_name, function_name;
};
constexpr auto json_object(const DiagnosticsPath*) {
    return json::object(
        "DiagnosticsPath", json::field("operation", &DiagnosticsPath::operation),
        json::field("component", &DiagnosticsPath::component), json::field("timestamp", &DiagnosticsPath::timestamp),
        json::field("duration", &DiagnosticsPath::duration), json::field("line_number", &DiagnosticsPath::line_number),
        json::field("file_name", &DiagnosticsPath::file_name),
        json::field("function_name", &DiagnosticsPath::function_name));
}

struct Diagnostics {
    std::string operation = "api error response", start_time, end_time;
    std::vector<DiagnosticsPath> path;
    std::vector<DiagnosticsItem> errors, warnings;
};
constexpr auto json_object(const Diagnostics*) {
    return json::object("Diagnostics", json::field("operation", &Diagnostics::operation),
                        json::field("start_time", &Diagnostics::start_time),
                        json::omit("end_time", &Diagnostics::end_time), json::field("path", &Diagnostics::path),
                        json::field("errors", &Diagnostics::errors), json::field("warnings", &Diagnostics::warnings));
}

struct DiagnosticsError {
    std::string message;
    Diagnostics diagnostics;
    int code = 0;
};
constexpr auto json_object(const DiagnosticsError*) {
    return json::object("ApiErrorDiagnosticsResponse", json::field("message", &DiagnosticsError::message),
                        json::field("diagnostics", &DiagnosticsError::diagnostics),
                        json::omit("code", &DiagnosticsError::code));
}

DiagnosticsError diagnostics_of(const Error& error, int status, std::string_view operation) {
    const std::string now = to_rfc3339(std::chrono::time_point_cast<std::chrono::microseconds>(SystemClock{}.now()));
    DiagnosticsError out{.message = error.message, .diagnostics = {}, .code = status};
    out.diagnostics.start_time = now;
    out.diagnostics.end_time = now;
    out.diagnostics.path.push_back(
        {.operation = "api error response", .timestamp = now, .file_name = {}, .function_name = {}});
    out.diagnostics.path.push_back(
        {.operation = std::string(operation), .timestamp = now, .file_name = {}, .function_name = {}});
    const std::string code = std::to_string(status);
    if (error.fields.empty()) out.diagnostics.errors.push_back({code, error.message, now, "api"});
    for (const auto& field : error.fields)
        out.diagnostics.errors.push_back({code, field.path + " " + field.problem, now, "api"});
    return out;
}

}  // namespace

int http_status(Errc code) {
    switch (code) {
        case Errc::invalid: return 400;
        case Errc::unauthenticated: return 401;
        case Errc::forbidden: return 403;
        case Errc::not_found: return 404;
        case Errc::conflict: return 409;
        case Errc::too_large: return 413;
        case Errc::too_many: return 429;
        case Errc::internal: return 500;
        case Errc::unsupported: return 501;
        case Errc::upstream: return 502;
        case Errc::busy:
        case Errc::unavailable: return 503;
        case Errc::timeout: return 504;
    }
    return 500;
}

namespace {

Response answer_in(ErrorFace face, int status, const Error& error, std::string_view operation) {
    Response r;
    if (face == ErrorFace::diagnostics) {
        r = json_answer(status, diagnostics_of(error, status, operation));
    } else {
        ApiError body{.message = error.message, .stack = {}, .code = status};
        for (const auto& field : error.fields)
            body.stack.push_back({.error = field.problem, .description = {}, .path = field.path, .code = status});
        r = json_answer(status, body);
    }
    if (status == 503 || status == 429) r.headers.set("Retry-After", "1");
    return r;
}

}  // namespace

Response error_response(const Error& error, ErrorFace face, std::string_view operation) {
    return answer_in(face, http_status(error.code), error, operation);
}

Response unsupported_media(const std::string& why, ErrorFace face, std::string_view operation) {
    Response r = answer_in(face, 415, Error{Errc::invalid, why}, operation);
    r.headers.set("Accept", "application/json");
    return r;
}

Response unauthorized_response(const std::string& why) {
    return json_answer(401, OAuthError{.error_description = why});
}

void add_error_schemas(std::map<std::string, std::string>& schemas) {
    json::add_schema<ApiError>(schemas);
    json::add_schema<DiagnosticsError>(schemas);
    json::add_schema<OAuthError>(schemas);
}

std::string_view schema_name(ErrorFace face) {
    return face == ErrorFace::diagnostics ? "ApiErrorDiagnosticsResponse" : "ApiErrorResponse";
}

Response plain_error(int status, const std::string& message) {
    return json_answer(status, ApiError{.message = message, .stack = {}, .code = status});
}

}  // namespace corral::http
