// Users, roles and claims: who may change what of whom. What a method changed is durable, in the directory and told as
// an event of type auth when it returns. Methods block on the database; thread-safe. What is passed in outlives it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "events/service.hpp"
#include "identity/accounts/passwords.hpp"
#include "identity/accounts/requests.hpp"
#include "identity/accounts/responses.hpp"
#include "identity/directory.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"

namespace corral::identity {

class Accounts {
public:
    using UserRef = Ref<UserTag>;  // id, user name or e-mail, without case

    Accounts(db::Database& database, Directory& directory, events::Service& events, const Clock& clock,
             PasswordRules rules)
        : database_(database), directory_(directory), events_(events), clock_(clock), rules_(rules) {}

    // `filter` is an X-Filter header, or "".
    [[nodiscard]] Result<std::vector<UserResponse>> users(std::string_view filter) const;
    [[nodiscard]] Result<UserResponse> user(const UserRef&) const;
    Result<UserResponse> create_user(const Caller&, const UserCreateRequest&);
    Result<UserResponse> update_user(const Caller&, const UserRef&, const UserUpdateRequest&);
    Result<void> remove_user(const Caller&, const UserRef&);
    // A blocked account neither signs in nor is served with the tokens and keys it has. Unblocking also ends a lock
    // after failed logins.
    Result<void> set_blocked(const Caller&, const UserRef&, bool blocked);

    [[nodiscard]] Result<std::vector<RoleResponse>> roles_of(const UserRef&) const;
    Result<RoleRequest> give_role(const Caller&, const UserRef&, const RoleRequest&);
    Result<void> take_role(const Caller&, const UserRef&, const std::string& role);
    [[nodiscard]] Result<std::vector<ClaimResponse>> claims_of(const UserRef&) const;
    Result<ClaimRequest> give_claim(const Caller&, const UserRef&, const ClaimRequest&);
    Result<void> take_claim(const Caller&, const UserRef&, const std::string& claim);

    [[nodiscard]] Result<std::vector<RoleResponse>> roles(std::string_view filter) const;
    [[nodiscard]] Result<RoleResponse> role(const std::string& name) const;
    Result<RoleResponse> create_role(const Caller&, const RoleRequest&);
    Result<void> remove_role(const Caller&, const std::string& name);
    [[nodiscard]] Result<std::vector<ClaimResponse>> claims_of_role(const std::string& name) const;
    Result<ClaimResponse> add_claim(const Caller&, const std::string& role, const ClaimRequest&);
    Result<void> remove_claim_of_role(const Caller&, const std::string& role, const std::string& claim);

    [[nodiscard]] Result<std::vector<ClaimResponse>> claims(std::string_view filter) const;
    [[nodiscard]] Result<std::vector<ClaimGroup>> claims_by_group() const;
    [[nodiscard]] Result<ClaimResponse> claim(const std::string& name) const;
    Result<ClaimResponse> create_claim(const Caller&, const ClaimRequest&);
    Result<void> remove_claim(const Caller&, const std::string& name);

private:
    struct Grants {
        std::vector<std::string> roles, claims;
    };
    [[nodiscard]] Result<AccountPtr> found(const UserRef&) const;
    Result<User> stored(db::Tx&, const UserRef&) const;
    // A caller's rights are those of the moment its request came in; who lost all since gives and takes nothing more.
    static Result<void> still_good(db::Tx&, const Caller&);
    // The user as stored, when the caller may change it: both as this transaction sees them.
    Result<User> to_change(db::Tx&, const Caller&, const UserRef&) const;
    Result<Role> stored_role(db::Tx&, const std::string& name) const;
    Result<Claim> stored_claim(db::Tx&, const std::string& name) const;
    Result<Grants> grants_for(db::Tx&, const Caller&, const UserCreateRequest&) const;
    Result<void> may_change_login(db::Tx&, const Caller&, const User&) const;
    // The event, and the entry of the audit trail: `action` as "user.create", on the object that `body` names first.
    void tell(db::Tx&, const Caller& who, std::string action, std::string event,
              std::vector<std::pair<std::string_view, std::string>> body, const std::string& name = {});

    db::Database& database_;
    Directory& directory_;
    events::Service& events_;
    const Clock& clock_;
    PasswordRules rules_;
};

}  // namespace corral::identity
