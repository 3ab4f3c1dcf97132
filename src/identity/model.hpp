// Accounts as stored. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace corral::identity {

struct Claim {
    std::string id;  // equals its name
    std::string group, resource, action, description;
    bool internal = false;
    std::int64_t position = 0;  // in lists; given when stored
};

struct Role {
    std::string id;  // equals its name
    std::string description;
    bool internal = false;
    std::vector<std::string> claims;  // in order of granting
    std::int64_t position = 0;        // in lists; given when stored
};

struct User {
    std::string id;
    std::string username, name, email;
    std::string password_hash;
    std::vector<std::string> roles;   // ids, in order of granting
    std::vector<std::string> claims;  // direct ones
    int failed_logins = 0;
    std::optional<Time> locked_until;
    bool blocked = false;          // on purpose, by an administrator
    std::int64_t token_epoch = 0;  // rises when all tokens of the account are to end: new password, block
    Time created_at{}, updated_at{};
};

struct ApiKey {
    std::string id, name, key;
    std::string secret_mac;  // hex of the keyed HMAC
    std::string user_id;     // "" acts as root
    bool revoked = false;
    bool forwarder = false;
    std::optional<Time> revoked_at, expires_at;
    Time created_at{}, updated_at{};
};

// A text that a user keeps on the server under a slug.
struct UserConfig {
    std::string id, user_id, slug, name, type, value;
    Time created_at{}, updated_at{};
};

constexpr std::string_view super_user_role = "SUPER_USER";
constexpr std::string_view root_username = "root";
constexpr std::size_t password_limit = 40;  // bytes; longer ones are refused, as everywhere in the contract

}  // namespace corral::identity
