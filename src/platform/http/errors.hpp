// The one place where an Error becomes a status and a body.
#pragma once

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

}  // namespace corral::http
