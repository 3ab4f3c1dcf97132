// Configuration of sign-in through an OpenID Connect issuer, and how it is asked.
#pragma once

#include "app/server/config.hpp"
#include "identity/oidc/provider.hpp"

namespace corral::app {

// Errc::invalid names the key. Only with OIDC_ISSUER set.
Result<identity::oidc::Settings> sign_in_settings(const Config&);
identity::oidc::Fetch sign_in_fetch();

}  // namespace corral::app
