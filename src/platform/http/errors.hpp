// The one place where an Error becomes a status and a body.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "platform/http/message.hpp"
#include "platform/http/route.hpp"

namespace corral::http {

int http_status(Errc);
// Body in the row's face (models-a 1.1, 1.2). `operation` names the route in the diagnostics face.
Response error_response(const Error&, ErrorFace, std::string_view operation);
// 401 of the access layer (models-a 1.3).
Response unauthorized_response(const std::string& why);
Response plain_error(int status, const std::string& message);
Response unsupported_media(const std::string& why, ErrorFace, std::string_view operation);  // 415

// The bodies above, for the API document: component name → JSON schema.
void add_error_schemas(std::map<std::string, std::string>& schemas);
std::string_view schema_name(ErrorFace);
constexpr std::string_view unauthorized_schema = "OAuthErrorResponse";

}  // namespace corral::http
