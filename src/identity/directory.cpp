#include "identity/directory.hpp"

#include <algorithm>
#include <cctype>
#include <mutex>

#include "base/log.hpp"
#include "identity/accounts/store.hpp"
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

constexpr const char* topic = "identity";  // of announcements between controllers

// How each kind of object is found and placed.
std::string key_of(const Account& a) { return lower(a.user.id); }
std::string key_of(const Role& r) { return r.id; }
std::string key_of(const Claim& c) { return c.id; }
std::string key_of(const ApiKey& k) { return lower(k.id); }

std::int64_t place_of(const Account& a) { return a.user.created_at.time_since_epoch().count(); }
std::int64_t place_of(const Role& r) { return r.position; }
std::int64_t place_of(const Claim& c) { return c.position; }
std::int64_t place_of(const ApiKey& k) { return k.created_at.time_since_epoch().count(); }

std::pair<std::string, std::string> names_of(const Account& a) { return {lower(a.user.username), lower(a.user.email)}; }
std::pair<std::string, std::string> names_of(const ApiKey& k) { return {lower(k.name), lower(k.key)}; }
std::pair<std::string, std::string> names_of(const Role&) { return {}; }
std::pair<std::string, std::string> names_of(const Claim&) { return {}; }

void forget(std::unordered_map<std::string, std::string>& names, const std::string& name, const std::string& id) {
    if (const auto it = names.find(name); it != names.end() && it->second == id) names.erase(it);
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::ranges::find(list, item) != list.end();
}

}  // namespace

template <class T>
std::shared_ptr<const T> Directory::Shelf<T>::find(const std::string& name) const {
    if (const auto it = by_id.find(name); it != by_id.end()) return it->second;
    for (const auto* names : {&first_names, &second_names})
        if (const auto it = names->find(name); it != names->end()) return by_id.at(it->second);
    return nullptr;
}

template <class T>
std::vector<std::shared_ptr<const T>> Directory::Shelf<T>::all() const {
    std::vector<std::shared_ptr<const T>> out;
    out.reserve(in_order.size());
    for (const auto& [place, item] : in_order) out.push_back(item);
    return out;
}

template <class T>
void Directory::Shelf<T>::put(std::shared_ptr<const T> item) {
    const std::string key = key_of(*item);
    const Place place{place_of(*item), key};
    auto names = names_of(*item);
    if (const auto it = by_id.find(key); it != by_id.end()) {
        if (place_of(*it->second) == place.first && names_of(*it->second) == names) {  // mostly: only rights changed
            it->second = item;
            in_order[place] = std::move(item);
            return;
        }
        remove(key);
    }
    if (!names.first.empty()) first_names[std::move(names.first)] = key;
    if (!names.second.empty()) second_names[std::move(names.second)] = key;
    in_order[place] = item;
    by_id[key] = std::move(item);
}

template <class T>
void Directory::Shelf<T>::remove(const std::string& key) {
    const auto it = by_id.find(key);
    if (it == by_id.end()) return;
    const auto [first, second] = names_of(*it->second);
    forget(first_names, first, key);
    forget(second_names, second, key);
    in_order.erase({place_of(*it->second), key});
    by_id.erase(it);
}

Directory::Directory(db::Database& database)
    : database_(database), listening_(database.listen(topic, [this] {
          if (const auto loaded = reload(); !loaded)
              log::error("What another controller changed of accounts could not be loaded",
                         {{"why", loaded.error().message}, {"detail", loaded.error().detail}});
      })) {}

AccountPtr Directory::Contents::account_of(User user) const {
    auto p = std::make_shared<Principal>();
    p->user_id = UserId(user.id);
    p->username = user.username;
    p->name = user.name;
    p->email = user.email;
    p->roles = user.roles;
    p->claims = user.claims;
    for (const auto& role : user.roles)
        if (const auto it = roles.by_id.find(role); it != roles.by_id.end())
            p->claims.insert(p->claims.end(), it->second->claims.begin(), it->second->claims.end());
    std::ranges::sort(p->roles);
    std::ranges::sort(p->claims);
    const auto rest = std::ranges::unique(p->claims);
    p->claims.erase(rest.begin(), rest.end());
    p->super_user = std::ranges::binary_search(p->roles, super_user_role);
    p->root = lower(user.username) == root_username;
    auto account = std::make_shared<Account>();
    account->user = std::move(user);
    account->principal = std::move(p);
    return account;
}

Directory::Contents Directory::load(db::Tx& tx) {
    Contents out;
    for (Claim& claim : store::claims(tx)) out.claims.put(std::make_shared<const Claim>(std::move(claim)));
    for (Role& role : store::roles(tx)) out.roles.put(std::make_shared<const Role>(std::move(role)));
    for (User& user : store::users(tx)) out.accounts.put(out.account_of(std::move(user)));
    for (ApiKey& key : store::api_keys(tx)) out.keys.put(std::make_shared<const ApiKey>(std::move(key)));
    return out;
}

template <class Change>
void Directory::locked(Change change) {
    std::unique_lock lock(mutex_);
    change();
    ++generation_;
}

// A write, though it only reads: so it comes in order with the changes that this process commits.
Result<void> Directory::reload() {
    return database_.write([this](db::Tx& tx) {
        auto fresh = std::make_shared<Contents>(load(tx));
        tx.after_commit([this, fresh] { locked([&] { std::swap(contents_, *fresh); }); });
    });
}

void Directory::user_changed(db::Tx& tx, const std::string& id) {
    tx.announce(topic);
    tx.after_commit([this, id, user = store::user(tx, id)] { take_user(id, user); });
}
void Directory::role_changed(db::Tx& tx, const std::string& id) {
    tx.announce(topic);
    tx.after_commit([this, id, role = store::role(tx, id)] { take_role(id, role); });
}
void Directory::claim_made(db::Tx& tx, Claim as_stored) {
    tx.announce(topic);
    tx.after_commit([this, claim = std::move(as_stored)] { take_claim(claim.id, claim); });
}
void Directory::claim_changed(db::Tx& tx, const std::string& id) {
    tx.announce(topic);
    tx.after_commit([this, id, claim = store::claim(tx, id)] { take_claim(id, claim); });
}
void Directory::key_changed(db::Tx& tx, const std::string& id) {
    tx.announce(topic);
    tx.after_commit([this, id, key = store::api_key(tx, id)] {
        if (key)
            locked([&] { contents_.keys.put(std::make_shared<const ApiKey>(*key)); });
        else
            locked([&] { contents_.keys.remove(lower(id)); });
    });
}

void Directory::take_user(const std::string& id, const std::optional<User>& user) {
    if (user) {
        auto account = contents_.account_of(*user);
        locked([&] { contents_.accounts.put(std::move(account)); });
        return;
    }
    std::vector<std::string> its_keys;
    for (const auto& [place, key] : contents_.keys.in_order)
        if (key->user_id == id) its_keys.push_back(lower(key->id));
    locked([&] {
        contents_.accounts.remove(lower(id));
        for (const std::string& key : its_keys) contents_.keys.remove(key);
    });
}

void Directory::take_role(const std::string& id, const std::optional<Role>& role) {
    const auto it = contents_.roles.by_id.find(id);
    const bool held_before = it != contents_.roles.by_id.end();
    const bool same_rights = held_before && role && it->second->claims == role->claims;
    if (role)
        locked([&] { contents_.roles.put(std::make_shared<const Role>(*role)); });
    else
        locked([&] { contents_.roles.remove(id); });
    if (!held_before || same_rights) return;
    std::vector<AccountPtr> again;
    for (const auto& [place, account] : contents_.accounts.in_order) {
        if (!contains(account->user.roles, id)) continue;
        User user = account->user;
        if (!role) std::erase(user.roles, id);
        again.push_back(contents_.account_of(std::move(user)));
    }
    replace_accounts(again);
}

void Directory::take_claim(const std::string& id, const std::optional<Claim>& claim) {
    if (claim) {
        locked([&] { contents_.claims.put(std::make_shared<const Claim>(*claim)); });
        return;
    }
    if (!contents_.claims.by_id.contains(id)) return;
    locked([&] { contents_.claims.remove(id); });
    for (const RolePtr& role : contents_.roles.all())
        if (contains(role->claims, id)) {
            Role without = *role;
            std::erase(without.claims, id);
            take_role(role->id, without);
        }
    std::vector<AccountPtr> again;
    for (const auto& [place, account] : contents_.accounts.in_order) {
        if (!contains(account->user.claims, id)) continue;
        User user = account->user;
        std::erase(user.claims, id);
        again.push_back(contents_.account_of(std::move(user)));
    }
    replace_accounts(again);
}

// In portions, so that nobody who signs in waits for a role with thousands of holders.
void Directory::replace_accounts(const std::vector<AccountPtr>& again) {
    constexpr std::size_t portion = 256;
    for (std::size_t from = 0; from < again.size(); from += portion)
        locked([&] {
            for (std::size_t i = from; i < std::min(from + portion, again.size()); ++i)
                contents_.accounts.put(again[i]);
        });
}

AccountPtr Directory::account(std::string_view name) const {
    const std::string wanted = lower(name);
    std::shared_lock lock(mutex_);
    return contents_.accounts.find(wanted);
}

AccountPtr Directory::account_with_id(const std::string& id) const {
    std::shared_lock lock(mutex_);
    const auto it = contents_.accounts.by_id.find(lower(id));
    return it == contents_.accounts.by_id.end() || it->second->user.id != id ? nullptr : it->second;
}

AccountPtr Directory::root() const {
    std::shared_lock lock(mutex_);
    const auto it = contents_.accounts.first_names.find(std::string(root_username));
    return it == contents_.accounts.first_names.end() ? nullptr : contents_.accounts.by_id.at(it->second);
}

KeyPtr Directory::key(std::string_view name) const {
    const std::string wanted = lower(name);
    std::shared_lock lock(mutex_);
    return contents_.keys.find(wanted);
}

RolePtr Directory::role(std::string_view name) const {
    const std::string wanted = normal_name(name);
    std::shared_lock lock(mutex_);
    return contents_.roles.find(wanted);
}

RolePtr Directory::role_with_id(const std::string& id) const {
    std::shared_lock lock(mutex_);
    return contents_.roles.find(id);
}

ClaimPtr Directory::claim(std::string_view name) const {
    const std::string wanted = normal_name(name);
    std::shared_lock lock(mutex_);
    return contents_.claims.find(wanted);
}

ClaimPtr Directory::claim_with_id(const std::string& id) const {
    std::shared_lock lock(mutex_);
    return contents_.claims.find(id);
}

std::vector<AccountPtr> Directory::accounts() const {
    std::shared_lock lock(mutex_);
    return contents_.accounts.all();
}

std::vector<RolePtr> Directory::roles() const {
    std::shared_lock lock(mutex_);
    return contents_.roles.all();
}

std::vector<ClaimPtr> Directory::claims() const {
    std::shared_lock lock(mutex_);
    return contents_.claims.all();
}

std::vector<KeyPtr> Directory::keys() const {
    std::shared_lock lock(mutex_);
    return contents_.keys.all();
}

}  // namespace corral::identity
