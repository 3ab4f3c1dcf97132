// What accounts, roles and claims look like in answers (models-a 3 and 4), and how they are made from stored ones.
#pragma once

#include <map>
#include <string>
#include <string_view>
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
    bool blocked = false;  // by an administrator; ours, told only when it is so
};
constexpr auto json_object(const UserResponse*) {
    return json::object(
        "ApiUser", json::omit("id", &UserResponse::id), json::field("username", &UserResponse::username),
        json::omit("name", &UserResponse::name), json::field("email", &UserResponse::email),
        json::omit("roles", &UserResponse::roles), json::omit("claims", &UserResponse::claims),
        json::field("effective_claims", &UserResponse::effective_claims),
        json::field("isSuperUser", &UserResponse::super_user), json::omit("blocked", &UserResponse::blocked));
}

struct ClaimResponse {
    std::string id, name, description;
    bool internal = false;
    std::string group, resource, action;
    std::vector<UserResponse> users;  // who holds it directly; id, names and e-mail only
};
constexpr auto json_object(const ClaimResponse*) {
    return json::object(
        "ClaimResponse", json::omit("id", &ClaimResponse::id), json::field("name", &ClaimResponse::name),
        json::omit("description", &ClaimResponse::description), json::field("internal", &ClaimResponse::internal),
        json::omit("group", &ClaimResponse::group), json::omit("resource", &ClaimResponse::resource),
        json::omit("action", &ClaimResponse::action), json::omit("users", &ClaimResponse::users));
}

struct RoleResponse {
    std::string id, name, description;
    bool internal = false;
    std::vector<ClaimResponse> claims;  // without users
    std::vector<UserResponse> users;    // who holds it; id, names and e-mail only
};
constexpr auto json_object(const RoleResponse*) {
    return json::object("RoleResponse", json::omit("id", &RoleResponse::id), json::field("name", &RoleResponse::name),
                        json::omit("description", &RoleResponse::description),
                        json::field("internal", &RoleResponse::internal), json::field("claims", &RoleResponse::claims),
                        json::field("users", &RoleResponse::users));
}

struct ClaimGroupResource {
    std::string resource;
    std::vector<ClaimResponse> claims;
};
constexpr auto json_object(const ClaimGroupResource*) {
    return json::object("ClaimGroupResourceResponse", json::field("resource", &ClaimGroupResource::resource),
                        json::field("claims", &ClaimGroupResource::claims));
}

struct ClaimGroup {
    std::string group;
    std::vector<ClaimGroupResource> resources;
};
constexpr auto json_object(const ClaimGroup*) {
    return json::object("ClaimGroupResponse", json::field("group", &ClaimGroup::group),
                        json::field("resources", &ClaimGroup::resources));
}

UserResponse shown(const Account&, const Directory&);
UserResponse shown_without_effective(const Account&);
UserResponse shown_in_brief(const Account&);

ClaimResponse shown(const Claim&);                  // without users
RoleResponse shown(const Role&, const Directory&);  // without users

// Roles or claims, by id, with who holds them, in brief and in order of creation.
using Holders = std::map<std::string, std::vector<UserResponse>>;
Holders holders_of_roles(const Directory&);
Holders holders_of_claims(const Directory&);  // directly

}  // namespace corral::identity
