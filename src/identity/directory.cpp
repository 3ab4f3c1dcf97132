#include "identity/directory.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>

#include "identity/store.hpp"

namespace corral::identity {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string normal_name(std::string_view text) {
    std::string out;
    for (const char c : text) {
        constexpr std::string_view replaced = " ,:;()[]{}'\"/\\|<>=+*&^%$#@!`~?";
        out += replaced.find(c) != std::string_view::npos
                   ? '_'
                   : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    constexpr std::string_view blank = "\t\n\v\f\r";  // spaces were replaced above
    out.erase(0, out.find_first_not_of(blank));
    out.erase(out.find_last_not_of(blank) + 1);
    return out;
}

namespace {

std::shared_ptr<const Principal> principal_of(const User& user,
                                              const std::unordered_map<std::string, const Role*>& roles) {
    auto p = std::make_shared<Principal>();
    p->user_id = UserId(user.id);
    p->username = user.username;
    p->name = user.name;
    p->email = user.email;
    p->roles = user.roles;
    p->claims = user.claims;
    for (const auto& role : user.roles)
        if (const auto it = roles.find(role); it != roles.end())
            p->claims.insert(p->claims.end(), it->second->claims.begin(), it->second->claims.end());
    std::ranges::sort(p->roles);
    std::ranges::sort(p->claims);
    const auto rest = std::ranges::unique(p->claims);
    p->claims.erase(rest.begin(), rest.end());
    p->super_user = std::ranges::binary_search(p->roles, super_user_role);
    p->root = user.username == root_username;
    return p;
}

}  // namespace

Snapshot load_snapshot(db::Tx& tx) {
    Snapshot out;
    out.claims = store::claims(tx);
    out.roles = store::roles(tx);
    out.keys = store::api_keys(tx);
    std::unordered_map<std::string, const Role*> roles;
    for (const Role& role : out.roles) roles[role.id] = &role;
    for (User& user : store::users(tx)) {
        auto account = std::make_shared<Account>();
        account->principal = principal_of(user, roles);
        account->user = std::move(user);
        const User& u = account->user;
        out.by_name[lower(u.email)] = account;
        out.by_name[lower(u.username)] = account;
        out.by_name[lower(u.id)] = account;  // an id wins over a name that looks like one
        if (account->principal->root) out.root = account;
        out.accounts.push_back(std::move(account));
    }
    for (std::size_t i = 0; i < out.keys.size(); ++i) {
        out.key_by_name[lower(out.keys[i].name)] = i;
        out.key_by_name[lower(out.keys[i].key)] = i;
        out.key_by_name[lower(out.keys[i].id)] = i;
    }
    return out;
}

std::shared_ptr<const Account> Snapshot::account(std::string_view name) const {
    const auto it = by_name.find(lower(name));
    return it == by_name.end() ? nullptr : it->second;
}

const ApiKey* Snapshot::key(std::string_view name) const {
    const auto it = key_by_name.find(lower(name));
    return it == key_by_name.end() ? nullptr : &keys[it->second];
}

const Role* Snapshot::role(std::string_view id) const {
    const std::string wanted = normal_name(id);
    const auto it = std::ranges::find(roles, wanted, &Role::id);
    return it == roles.end() ? nullptr : &*it;
}

const Claim* Snapshot::claim(std::string_view id) const {
    const std::string wanted = normal_name(id);
    const auto it = std::ranges::find(claims, wanted, &Claim::id);
    return it == claims.end() ? nullptr : &*it;
}

Result<void> Directory::reload() {
    auto fresh = std::make_shared<const Snapshot>(TRY(database_.read([](db::Tx& tx) { return load_snapshot(tx); })));
    std::atomic_store(&snapshot_, std::move(fresh));
    return {};
}

std::shared_ptr<const Snapshot> Directory::now() const { return std::atomic_load(&snapshot_); }

}  // namespace corral::identity
