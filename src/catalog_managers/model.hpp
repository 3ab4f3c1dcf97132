// A catalog manager: another server's catalog and the credentials it is asked with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace corral::catalog_managers {

// What the remote server is asked with: a user and its password, an API key, or both; see uses_key().
struct Credentials {
    std::string username;
    Secret password;
    Secret api_key;
};

struct Manager {
    std::string id;
    std::string name;
    std::string url;  // of the server, as it was given
    bool internal = false, active = false, global = false;
    std::string authentication_method;  // free text; "api_key" prefers the key when there is a password, too
    Credentials credentials;
    std::vector<std::string> required_claims;
    std::string owner_id;  // a user's id
    Time created_at{}, updated_at{};
    std::int64_t revision = 0;  // rises with every change
};

// Whether the API key is sent rather than logging in.
bool uses_key(const Manager&);

}  // namespace corral::catalog_managers
