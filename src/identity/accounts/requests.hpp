// Bodies of the routes of users, roles and claims (models-a 3 and 4).
#pragma once

#include <string>
#include <vector>

#include "base/secret.hpp"
#include "platform/json/json.hpp"

namespace corral::identity {

struct UserCreateRequest {
    std::string username, name, email;
    Secret password;
    std::vector<std::string> roles, claims;
    bool is_super_user = false;
};
constexpr auto json_object(const UserCreateRequest*) {
    return json::object("UserCreateRequest", json::required("username", &UserCreateRequest::username),
                        json::required("name", &UserCreateRequest::name),
                        json::required("email", &UserCreateRequest::email, "Any text; no two accounts have the same"),
                        json::required("password", &UserCreateRequest::password),
                        json::field("roles", &UserCreateRequest::roles, "Empty: USER"),
                        json::field("claims", &UserCreateRequest::claims, "Empty: five that only read"),
                        json::field("is_super_user", &UserCreateRequest::is_super_user,
                                    "Also every role and every claim of the role SUPER_USER"));
}

// Empty members leave the stored value.
struct UserUpdateRequest {
    std::string name, email;
    Secret password;
};
constexpr auto json_object(const UserUpdateRequest*) {
    return json::object("UserUpdateRequest", json::field("name", &UserUpdateRequest::name),
                        json::field("email", &UserUpdateRequest::email),
                        json::field("password", &UserUpdateRequest::password, "A new one ends all tokens of the user"));
}

// A new role; also a role to be given to a user, where the name alone counts.
struct RoleRequest {
    std::string name;
    std::vector<std::string> claims;
};
constexpr auto json_object(const RoleRequest*) {
    return json::object("RoleRequest", json::required("name", &RoleRequest::name),
                        json::omit("claims", &RoleRequest::claims));
}

struct ClaimRequest {
    std::string name;
};
constexpr auto json_object(const ClaimRequest*) {
    return json::object("ClaimRequest", json::required("name", &ClaimRequest::name));
}

}  // namespace corral::identity
