// The generated documents below docs/reference, made from the same tables that the service runs on.
#pragma once

#include <string>

#include "base/error.hpp"
#include "platform/http/dispatch.hpp"

namespace corral::app {

// Markdown: who gets in at every route: nobody, a caller without the claims, one with them. Each cell is the answer of
// Dispatcher::admit() itself.
std::string authorization_matrix(const http::Dispatcher& dispatcher);
// Markdown: every configuration key.
std::string configuration_reference();

// "openapi", "authorization" or "configuration", of a service with every module. Errc::not_found for other names.
Result<std::string> reference(const std::string& name);

}  // namespace corral::app
