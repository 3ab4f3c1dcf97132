// The HTTP face of API keys.
#pragma once

#include <vector>

#include "identity/keys/keys.hpp"
#include "platform/http/route.hpp"

namespace corral::identity {

std::vector<http::Route> key_routes(ApiKeys& keys);

}  // namespace corral::identity
