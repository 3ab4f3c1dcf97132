// The HTTP face of identity.
#pragma once

#include <vector>

#include "audit/audit.hpp"
#include "identity/service.hpp"
#include "platform/http/route.hpp"

namespace corral::identity {

// Failed logins are noted in `trail`.
std::vector<http::Route> routes(Service& service, audit::Trail& trail);

}  // namespace corral::identity
