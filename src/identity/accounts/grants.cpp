// Roles and claims of a user: given and taken.
#include "identity/accounts/rules.hpp"
#include "identity/accounts/service.hpp"
#include "identity/accounts/store.hpp"

namespace corral::identity {

Result<Role> Accounts::stored_role(db::Tx& tx, const std::string& name) const {
    if (auto role = store::role(tx, normal_name(name))) return std::move(*role);
    return Error{Errc::not_found, "There is no such role"};
}

Result<Claim> Accounts::stored_claim(db::Tx& tx, const std::string& name) const {
    if (auto claim = store::claim(tx, normal_name(name))) return std::move(*claim);
    return Error{Errc::not_found, "There is no such claim"};
}

Result<std::vector<RoleResponse>> Accounts::roles_of(const UserRef& ref) const {
    const AccountPtr account = TRY(found(ref));
    std::vector<RoleResponse> out;
    for (const std::string& id : account->user.roles)
        if (const RolePtr role = directory_.role_with_id(id)) out.push_back(shown(*role, directory_));
    return out;
}

Result<std::vector<ClaimResponse>> Accounts::claims_of(const UserRef& ref) const {
    const AccountPtr account = TRY(found(ref));
    std::vector<ClaimResponse> out;
    for (const std::string& id : account->user.claims)
        if (const ClaimPtr claim = directory_.claim_with_id(id)) out.push_back(shown(*claim));
    return out;
}

Result<RoleRequest> Accounts::give_role(const Caller& who, const UserRef& ref, const RoleRequest& request) {
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        const User user = TRY(to_change(tx, who, ref));
        const Role role = TRY(stored_role(tx, request.name));
        TRY(may_give_role(who, role));
        if (!store::grant_role(tx, user.id, role.id)) return invalid_field("/name", "is a role that the user has");
        directory_.user_changed(tx, user.id);
        tell(tx, who, "user.give_role", "USER_ROLE_ADDED", {{"user_id", user.id}, {"role_id", role.id}});
        return {};
    }));
    return request;
}

Result<void> Accounts::take_role(const Caller& who, const UserRef& ref, const std::string& name) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const User user = TRY(to_change(tx, who, ref));
        const Role role = TRY(stored_role(tx, name));
        if (is_root(user) && role.id == super_user_role)
            return Error{Errc::invalid, "The account root stays a super user"};
        if (!store::take_role(tx, user.id, role.id)) return Error{Errc::not_found, "The user does not have this role"};
        directory_.user_changed(tx, user.id);
        tell(tx, who, "user.take_role", "USER_ROLE_REMOVED", {{"user_id", user.id}, {"role_id", role.id}});
        return {};
    });
}

Result<ClaimRequest> Accounts::give_claim(const Caller& who, const UserRef& ref, const ClaimRequest& request) {
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        const User user = TRY(to_change(tx, who, ref));
        const Claim claim = TRY(stored_claim(tx, request.name));
        TRY(may_give_claim(who, claim.id));
        if (!store::grant_claim(tx, user.id, claim.id)) return invalid_field("/name", "is a claim that the user has");
        directory_.user_changed(tx, user.id);
        tell(tx, who, "user.give_claim", "USER_CLAIM_ADDED", {{"user_id", user.id}, {"claim_id", claim.id}});
        return {};
    }));
    return request;
}

Result<void> Accounts::take_claim(const Caller& who, const UserRef& ref, const std::string& name) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const User user = TRY(to_change(tx, who, ref));
        const Claim claim = TRY(stored_claim(tx, name));
        if (!store::take_claim(tx, user.id, claim.id))
            return Error{Errc::not_found, "The user does not have this claim directly"};
        directory_.user_changed(tx, user.id);
        tell(tx, who, "user.take_claim", "USER_CLAIM_REMOVED", {{"user_id", user.id}, {"claim_id", claim.id}});
        return {};
    });
}

}  // namespace corral::identity
