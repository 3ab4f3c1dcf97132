// JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256. The algorithm is pinned: a token that names another is refused
// before anything else is believed. Immutable; any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace corral::identity {

struct TokenClaims {
    std::int64_t exp = 0;  // Unix seconds
    std::string email;
    std::string username;  // the display name, as clients of the contract expect (quirk Q26)
    std::string uid;
    std::vector<std::string> roles, claims;
    std::string api_key_id;  // when logged in with a key
    std::string jti;
};

// What the service itself believes of a token. The rest is for clients: rights come from the directory, as they are
// now.
struct TokenBearer {
    std::int64_t exp = 0;
    std::string uid, api_key_id;
};

class TokenSigner {
public:
    explicit TokenSigner(Secret key) : key_(std::move(key)) {}
    [[nodiscard]] std::string sign(const TokenClaims&) const;
    // Signature first, then expiry; Errc::unauthenticated with the reason.
    [[nodiscard]] Result<TokenBearer> verify(std::string_view token, Time now) const;

private:
    Secret key_;
};

}  // namespace corral::identity
