// The HTTP face of users, roles and claims.
#pragma once

#include <vector>

#include "identity/accounts/service.hpp"
#include "platform/http/route.hpp"

namespace corral::identity {

std::vector<http::Route> account_routes(Accounts& accounts);

}  // namespace corral::identity
