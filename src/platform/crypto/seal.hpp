// Texts that only we can read and write again (XSalsa20-Poly1305 by libsodium). Free functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace corral::crypto {

// base64url. `key`: 32 bytes.
std::string seal(const Secret& key, std::string_view text);
// nullopt when it was not sealed with this key, or changed since.
std::optional<std::string> unseal(const Secret& key, std::string_view sealed);

}  // namespace corral::crypto
