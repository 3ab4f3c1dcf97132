#include "identity/accounts/responses.hpp"

#include <unordered_set>

namespace corral::identity {

UserResponse shown_in_brief(const Account& account) {
    const User& user = account.user;
    return {.id = user.id,
            .username = user.username,
            .name = user.name,
            .email = user.email,
            .super_user = account.principal->super_user};
}

UserResponse shown_without_effective(const Account& account) {
    UserResponse out = shown_in_brief(account);
    out.roles = account.user.roles;
    out.claims = account.user.claims;
    out.blocked = account.user.blocked;
    return out;
}

UserResponse shown(const Account& account, const Directory& directory) {
    UserResponse out = shown_without_effective(account);
    std::unordered_set<std::string> seen;
    for (const std::string& claim : account.user.claims)
        if (seen.insert(claim).second) out.effective_claims.push_back({claim, claim, false, ""});
    for (const std::string& id : account.user.roles)
        if (const RolePtr role = directory.role_with_id(id))
            for (const std::string& claim : role->claims)
                if (seen.insert(claim).second) out.effective_claims.push_back({claim, claim, true, role->id});
    return out;
}

ClaimResponse shown(const Claim& claim) {
    return {.id = claim.id,
            .name = claim.id,
            .description = claim.description,
            .internal = claim.internal,
            .group = claim.group,
            .resource = claim.resource,
            .action = claim.action,
            .users = {}};
}

RoleResponse shown(const Role& role, const Directory& directory) {
    RoleResponse out{
        .id = role.id, .name = role.id, .description = role.description, .internal = role.internal, .claims = {}};
    for (const std::string& id : role.claims)
        if (const ClaimPtr claim = directory.claim_with_id(id)) out.claims.push_back(shown(*claim));
    return out;
}

Holders holders_of_roles(const Directory& directory) {
    Holders out;
    for (const AccountPtr& account : directory.accounts())
        for (const std::string& role : account->user.roles) out[role].push_back(shown_in_brief(*account));
    return out;
}

Holders holders_of_claims(const Directory& directory) {
    Holders out;
    for (const AccountPtr& account : directory.accounts())
        for (const std::string& claim : account->user.claims) out[claim].push_back(shown_in_brief(*account));
    return out;
}

}  // namespace corral::identity
