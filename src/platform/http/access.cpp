#include "platform/http/access.hpp"

#include <algorithm>

namespace corral {

bool Caller::has_claim(std::string_view claim) const {
    if (!principal) return false;
    return principal->super_user || std::ranges::binary_search(principal->claims, claim);
}

bool Caller::has_role(std::string_view role) const {
    if (!principal) return false;
    return principal->super_user || std::ranges::binary_search(principal->roles, role);
}

const UserId& Caller::user_id() const {
    static const UserId nobody;
    return principal ? principal->user_id : nobody;
}

}  // namespace corral

namespace corral::http {

bool Access::admits(const Caller& caller) const {
    if (kind_ == Kind::open) return true;
    if (caller.anonymous()) return false;
    const auto held = [&](const std::string& claim) { return caller.has_claim(claim); };
    switch (kind_) {
        case Kind::open: return true;
        case Kind::signed_in: return true;
        case Kind::all_claims: return std::ranges::all_of(claims_, held);
        case Kind::any_claim: return std::ranges::any_of(claims_, held);
        case Kind::super_user: return caller.super_user();
    }
    return false;
}

std::string Access::missing(const Caller& caller) const {
    if (kind_ == Kind::super_user) return "roles (AND), missing [SUPER_USER]";
    std::string names;
    for (const auto& claim : claims_) {
        if (caller.has_claim(claim)) continue;
        names += (names.empty() ? "" : " ") + claim;
    }
    return std::string(kind_ == Kind::any_claim ? "claims (OR)" : "claims (AND)") + ", missing [" + names + "]";
}

std::string Access::describe() const {
    std::string names;
    const char* joint = kind_ == Kind::any_claim ? " or " : " and ";
    for (const auto& claim : claims_) names += (names.empty() ? "" : joint) + claim;
    switch (kind_) {
        case Kind::open: return "open: " + reason_;
        case Kind::signed_in: return "any credential";
        case Kind::super_user: return "role SUPER_USER";
        case Kind::all_claims:
        case Kind::any_claim: return names;
    }
    return names;
}

Access all_of(std::vector<std::string> claims) { return {Access::Kind::all_claims, std::move(claims), ""}; }
Access any_of(std::vector<std::string> claims) { return {Access::Kind::any_claim, std::move(claims), ""}; }
Access super_users() { return {Access::Kind::super_user, {}, ""}; }
Access signed_in() { return {Access::Kind::signed_in, {}, ""}; }
Access open_to_anyone(std::string reason) { return {Access::Kind::open, {}, std::move(reason)}; }

}  // namespace corral::http
