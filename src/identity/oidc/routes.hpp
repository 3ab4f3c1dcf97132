// The HTTP face of signing in through an OpenID Connect issuer.
#pragma once

#include <vector>

#include "identity/service.hpp"
#include "platform/http/route.hpp"

namespace corral::identity {

// `issuer` null: none is configured, and the routes say so.
std::vector<http::Route> oidc_routes(Service& service, oidc::SignIn* issuer);

}  // namespace corral::identity
