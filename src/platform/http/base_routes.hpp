// Routes every server has: probe, home, the API document and the page that shows it. All open, each with its reason.
#pragma once

#include <string>
#include <vector>

#include "platform/http/route.hpp"

namespace corral::http {

std::vector<Route> base_routes(const std::vector<Route>& others, const std::string& prefix, const std::string& version);

// OpenAPI 3.1 document of a table.
std::string openapi_document(const std::vector<Route>& table, const std::string& prefix, const std::string& version);

// The self-contained API browser page (no foreign assets).
std::string api_page(const std::string& prefix);

}  // namespace corral::http
