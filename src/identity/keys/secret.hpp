// What is kept of an API key's secret (docs/adr/0015). Free functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace corral::identity {

// Hex of the HMAC-SHA-256 of key and secret under the installation's key. `key` as it is stored (upper case).
std::string key_mac(const Secret& master_key, std::string_view key, std::string_view secret);

}  // namespace corral::identity
