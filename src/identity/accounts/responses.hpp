// What accounts, roles and claims look like in answers (models-a 3 and 4), and how they are made from stored ones.
#pragma once

#include <string>
#include <vector>

#include "identity/directory.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

struct UserClaim {
    std::string id, name;
    bool is_inherited = false;
    std::string source_role;  // of an inherited one
};
constexpr auto json_object(const UserClaim*) {
    return json::object("UserClaimResponse", json::omit("id", &UserClaim::id), json::field("name", &UserClaim::name),
                        json::field("is_inherited", &UserClaim::is_inherited),
                        json::omit("source_role", &UserClaim::source_role));
}

struct UserResponse {
    std::string id, username, name, email;
    std::vector<std::string> roles, claims;   // ids; the claims that are the user's own
    std::vector<UserClaim> effective_claims;  // own ones first, then those of each role; each once
    bool super_user = false;
};
constexpr auto json_object(const UserResponse*) {
    return json::object("ApiUser", json::omit("id", &UserResponse::id),
                        json::field("username", &UserResponse::username), json::omit("name", &UserResponse::name),
                        json::field("email", &UserResponse::email), json::omit("roles", &UserResponse::roles),
                        json::omit("claims", &UserResponse::claims),
                        json::field("effective_claims", &UserResponse::effective_claims),
                        json::field("isSuperUser", &UserResponse::super_user));
}

UserResponse shown(const Account&, const Directory&);

}  // namespace corral::identity
