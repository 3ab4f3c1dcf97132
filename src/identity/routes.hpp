// The HTTP face of identity.
#pragma once

#include <vector>

#include "identity/service.hpp"
#include "platform/http/route.hpp"

namespace corral::identity {

std::vector<http::Route> routes(Service& service);

}  // namespace corral::identity
