// Accounts themselves: list, create, change, block, remove.
#include <algorithm>
#include <array>

#include "identity/accounts/filtered.hpp"
#include "identity/accounts/rules.hpp"
#include "identity/accounts/service.hpp"
#include "identity/accounts/store.hpp"
#include "identity/oidc/sign_in.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

namespace {

// What POST users gives when nothing is asked for.
constexpr const char* default_role = "USER";
constexpr std::array<const char*, 5> default_claims{"READ_ONLY", "LIST_CATALOG_MANIFEST", "LIST_PACKER_TEMPLATE",
                                                    "LIST_VM", "LIST"};
constexpr std::size_t name_limit = 256;  // bytes

void add_once(std::vector<std::string>& list, const std::string& item) {
    if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

Result<void> check_lengths(const std::vector<std::pair<const char*, const std::string*>>& members) {
    Error error{Errc::invalid, "A member is too long"};
    for (const auto& [path, text] : members)
        if (text->size() > name_limit)
            error.fields.push_back({path, "may have at most " + std::to_string(name_limit) + " bytes"});
    if (error.fields.empty()) return {};
    return error;
}

Error taken(const char* path) { return invalid_field(path, "is taken by another account"); }

}  // namespace

Result<AccountPtr> Accounts::found(const UserRef& ref) const {
    if (auto account = directory_.account(ref.text)) return account;
    return Error{Errc::not_found, "There is no such user"};
}

// As the transaction sees it: another one of the same group commit may have changed it.
Result<User> Accounts::stored(db::Tx& tx, const UserRef& ref) const {
    const AccountPtr account = TRY(found(ref));
    if (auto user = store::user(tx, account->user.id)) return std::move(*user);
    return Error{Errc::not_found, "There is no such user"};
}

Result<void> Accounts::still_good(db::Tx& tx, const Caller& who) {
    // Of who never signed in here nothing is stored: the rights are those of the issuer's token.
    if (who.token_epoch == oidc::foreign_epoch) return {};
    const auto caller = store::user(tx, who.user_id().text);
    if (!caller || caller->blocked || (who.super_user() && !is_super_user(*caller)))
        return Error{Errc::forbidden, "The account that asks has just lost the right to"};
    return {};
}

Result<User> Accounts::to_change(db::Tx& tx, const Caller& who, const UserRef& ref) const {
    TRY(still_good(tx, who));
    User user = TRY(stored(tx, ref));
    TRY(may_change(who, user));
    return user;
}

Result<std::vector<UserResponse>> Accounts::users(std::string_view filter) const {
    return filtered(
        filter, directory_.accounts(), "effective_claims",
        [](const AccountPtr& account) { return shown_without_effective(*account); },
        [&](const AccountPtr& account) { return shown(*account, directory_); });
}

Result<UserResponse> Accounts::user(const UserRef& ref) const { return shown(*TRY(found(ref)), directory_); }

Result<Accounts::Grants> Accounts::grants_for(db::Tx& tx, const Caller& who, const UserCreateRequest& request) const {
    Grants out;
    Error unknown{Errc::invalid, "A role or a claim does not exist"};
    for (std::size_t i = 0; i < request.roles.size(); ++i) {
        const auto role = store::role(tx, normal_name(request.roles[i]));
        if (!role) {
            unknown.fields.push_back({"/roles/" + std::to_string(i), "is no role"});
            continue;
        }
        TRY(may_give_role(who, *role));
        add_once(out.roles, role->id);
    }
    for (std::size_t i = 0; i < request.claims.size(); ++i) {
        const auto claim = store::claim(tx, normal_name(request.claims[i]));
        if (!claim) {
            unknown.fields.push_back({"/claims/" + std::to_string(i), "is no claim"});
            continue;
        }
        TRY(may_give_claim(who, claim->id));
        add_once(out.claims, claim->id);
    }
    if (!unknown.fields.empty()) return unknown;
    // The defaults are given by everybody who may create users; one that was removed is left out.
    if (request.roles.empty() && store::role(tx, default_role)) out.roles.emplace_back(default_role);
    if (request.claims.empty())
        for (const char* claim : default_claims)
            if (store::claim(tx, claim)) out.claims.emplace_back(claim);
    if (!request.is_super_user) return out;
    const auto super = store::role(tx, std::string(super_user_role));
    if (!super) return Error{Errc::internal, "The role of super users is missing; restart the service"};
    TRY(may_give_role(who, *super));
    for (const char* role : {default_role, "ADMIN"})
        if (store::role(tx, role)) add_once(out.roles, role);
    add_once(out.roles, super->id);
    for (const std::string& claim : super->claims) add_once(out.claims, claim);
    return out;
}

Result<UserResponse> Accounts::create_user(const Caller& who, const UserCreateRequest& request) {
    TRY(check_lengths({{"/username", &request.username}, {"/name", &request.name}, {"/email", &request.email}}));
    TRY(rules_.check(request.password, "/password"));
    // Before the slow hash; the transaction looks again.
    if (directory_.account(request.username)) return taken("/username");
    if (directory_.account(request.email)) return taken("/email");
    const std::string hash = TRY(crypto::hash_password(request.password));
    const std::string id = TRY(database_.write([&](db::Tx& tx) -> Result<std::string> {
        User user{.id = crypto::random_id(),
                  .username = request.username,
                  .name = request.name,
                  .email = request.email,
                  .password_hash = hash,
                  .created_at = clock_.now()};
        user.updated_at = user.created_at;
        TRY(still_good(tx, who));
        if (store::user_called(tx, user.username, "")) return taken("/username");
        if (store::user_called(tx, user.email, "")) return taken("/email");
        Grants grants = TRY(grants_for(tx, who, request));
        user.roles = std::move(grants.roles);
        user.claims = std::move(grants.claims);
        store::insert_user(tx, user);
        directory_.user_changed(tx, user.id);
        tell(tx, who, "user.create", "USER_ADDED", {{"user_id", user.id}}, user.username);
        return user.id;
    }));
    return user(UserRef(id));
}

// Who sets a password or an e-mail address can be that user from then on.
Result<void> Accounts::may_change_login(db::Tx& tx, const Caller& who, const User& user) const {
    std::vector<std::string> target = user.claims;
    for (const std::string& id : user.roles)
        if (const auto role = store::role(tx, id))
            target.insert(target.end(), role->claims.begin(), role->claims.end());
    std::vector<std::string> common(default_claims.begin(), default_claims.end());
    if (const auto role = store::role(tx, default_role))
        common.insert(common.end(), role->claims.begin(), role->claims.end());
    return may_take_over(who, user, target, common);
}

Result<UserResponse> Accounts::update_user(const Caller& who, const UserRef& ref, const UserUpdateRequest& request) {
    if (request.name.empty() && request.email.empty() && request.password.empty())
        return invalid_field("/name", "or email or password is required");
    const AccountPtr account = TRY(found(ref));
    TRY(may_change(who, account->user));
    TRY(check_lengths({{"/name", &request.name}, {"/email", &request.email}}));
    if (!is_root(account->user)) {
        if (lower(request.name) == root_username) return invalid_field("/name", "is reserved for root");
        if (lower(request.email) == root_username || lower(request.email) == "root@localhost")
            return invalid_field("/email", "is reserved for root");
    }
    std::string hash;
    if (!request.password.empty()) {
        TRY(rules_.check(request.password, "/password"));
        hash = TRY(crypto::hash_password(request.password));
    }
    TRY(database_.write([&](db::Tx& tx) -> Result<void> {
        User user = TRY(to_change(tx, who, UserRef(account->user.id)));
        const bool new_email = !request.email.empty() && request.email != user.email;
        if (new_email || !hash.empty()) TRY(may_change_login(tx, who, user));
        if (new_email) {
            if (store::user_called(tx, request.email, user.id)) return taken("/email");
            user.email = request.email;
        }
        if (!request.name.empty()) user.name = request.name;
        if (!hash.empty()) {
            user.password_hash = hash;
            ++user.token_epoch;
        }
        user.updated_at = clock_.now();
        store::update_user(tx, user);
        directory_.user_changed(tx, user.id);
        tell(tx, who, hash.empty() ? "user.update" : "user.set_password", "USER_UPDATED", {{"user_id", user.id}},
             user.username);
        return {};
    }));
    return user(UserRef(account->user.id));
}

Result<void> Accounts::remove_user(const Caller& who, const UserRef& ref) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        const User user = TRY(to_change(tx, who, ref));
        if (is_root(user)) return Error{Errc::invalid, "The account root cannot be removed"};
        store::delete_user(tx, user.id);
        directory_.user_changed(tx, user.id);
        tell(tx, who, "user.delete", "USER_REMOVED", {{"user_id", user.id}}, user.username);
        return {};
    });
}

Result<void> Accounts::set_blocked(const Caller& who, const UserRef& ref, bool blocked) {
    return database_.write([&](db::Tx& tx) -> Result<void> {
        User user = TRY(to_change(tx, who, ref));
        if (blocked && is_root(user)) return Error{Errc::invalid, "The account root cannot be blocked"};
        if (blocked && user.id == who.user_id().text)
            return Error{Errc::invalid, "Nobody can block the account that is signed in"};
        user.blocked = blocked;
        if (blocked) {
            ++user.token_epoch;
        } else {
            user.failed_logins = 0;
            user.locked_until.reset();
        }
        user.updated_at = clock_.now();
        store::update_user(tx, user);
        directory_.user_changed(tx, user.id);
        tell(tx, who, blocked ? "user.block" : "user.unblock", "USER_UPDATED", {{"user_id", user.id}}, user.username);
        return {};
    });
}

}  // namespace corral::identity
