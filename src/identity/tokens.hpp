// JSON Web Tokens (RFC 7519). The algorithm is pinned by the configured key: a token that names another is refused
// before anything else is believed. Immutable; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "platform/crypto/signature.hpp"

namespace corral::identity {

struct TokenClaims {
    std::int64_t exp = 0;  // Unix seconds
    std::string email;
    std::string username;  // the display name, as clients of the contract expect (quirk Q26)
    std::string uid;
    std::vector<std::string> roles, claims;
    std::string api_key_id;  // when logged in with a key
    std::string jti;
    std::int64_t epoch = 0;  // the account's token_epoch when it was issued
};

// What the service itself believes of a token. The rest is for clients: rights come from the directory, as they are
// now.
struct TokenBearer {
    std::int64_t exp = 0, epoch = 0;
    std::string uid, api_key_id, jti;
};

// Errc::unauthenticated when its time is over.
Result<void> in_time(const TokenBearer&, Time now);

// Keys from the configuration. `previous` are good for tokens that are out already; new ones are signed with the first.
struct TokenKeys {
    crypto::Algorithm algorithm = crypto::Algorithm::hs256;
    Secret secret;  // of HS algorithms; empty in a configuration: one is derived
    std::optional<crypto::PrivateKey> key;
    std::vector<crypto::PublicKey> previous;
};
// Algorithm by name, keys as PEM in base64 (private, or for `previous` public ones too). Errc::invalid names the
// configuration key that is wrong (quirk Q25).
Result<TokenKeys> token_keys(const std::string& algorithm, Secret secret, const Secret& private_key,
                             const std::vector<std::string>& previous);

class TokenSigner {
public:
    explicit TokenSigner(Secret secret)
        : TokenSigner(TokenKeys{.secret = std::move(secret), .key = {}, .previous = {}}) {}
    explicit TokenSigner(TokenKeys keys);
    [[nodiscard]] std::string sign(const TokenClaims&) const;
    // Signature first, then expiry (quirk Q29); Errc::unauthenticated with the reason.
    [[nodiscard]] Result<TokenBearer> verify(std::string_view token, Time now) const;
    // Public keys by which others can check our tokens (RFC 7517); none with HS algorithms.
    [[nodiscard]] const std::string& key_set() const { return key_set_; }

private:
    struct Checker {
        std::string id;
        crypto::PublicKey key;
    };
    [[nodiscard]] bool signature_holds(std::string_view key_id, std::string_view signed_part,
                                       std::string_view signature) const;

    TokenKeys keys_;
    std::vector<Checker> checkers_;
    std::string header_;  // of our tokens, encoded
    std::string key_set_;
};

}  // namespace corral::identity
