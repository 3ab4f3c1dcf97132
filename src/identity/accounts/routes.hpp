// The HTTP face of users, roles, claims and the settings of users.
#pragma once

#include <vector>

#include "identity/accounts/configs.hpp"
#include "identity/accounts/service.hpp"
#include "platform/http/route.hpp"

namespace corral::identity {

std::vector<http::Route> account_routes(Accounts& accounts, Configs& configs);

}  // namespace corral::identity
