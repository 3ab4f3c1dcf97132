#include "identity/accounts/rules.hpp"

#include <algorithm>

#include "identity/directory.hpp"

namespace corral::identity {

namespace {
Error forbidden(std::string why) { return Error{Errc::forbidden, std::move(why)}; }
}  // namespace

bool is_root(const User& user) { return lower(user.username) == root_username; }

bool is_super_user(const User& user) { return std::ranges::find(user.roles, super_user_role) != user.roles.end(); }

Result<void> may_give_role(const Caller& who, const Role& role) {
    if (who.super_user()) return {};
    if (role.id == super_user_role) return forbidden("Only a super user makes another one");
    if (who.has_role(role.id)) return {};
    // An empty role is no gift that everybody may make: records of the catalog can ask for roles.
    if (!role.claims.empty() && std::ranges::all_of(role.claims, [&](const auto& c) { return who.has_claim(c); }))
        return {};
    return forbidden("The role " + role.id + " can be given only by who holds it or all of its claims");
}

Result<void> may_give_claim(const Caller& who, const std::string& claim) {
    if (who.has_claim(claim)) return {};
    return forbidden("The claim " + claim + " can be given only by who holds it");
}

Result<void> may_change(const Caller& who, const User& user) {
    if (who.super_user() || !is_super_user(user)) return {};
    return forbidden("The account of a super user is changed by super users only");
}

Result<void> may_take_over(const Caller& who, const User& user, const std::vector<std::string>& target,
                           const std::vector<std::string>& common) {
    if (who.super_user() || who.user_id().text == user.id) return {};
    const bool stronger = std::ranges::any_of(target, [&](const std::string& claim) {
        return !who.has_claim(claim) && std::ranges::find(common, claim) == common.end();
    });
    if (!stronger) return {};
    return forbidden("The password and the e-mail address of an account with more rights cannot be changed");
}

Result<void> may_change_built_in(const Caller& who, bool internal) {
    if (!internal || (who.principal && who.principal->root)) return {};
    return forbidden("What is built in is changed by root only");
}

}  // namespace corral::identity
