// The rules of taking a reference database over.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "identity/accounts/rules.hpp"
#include "identity/accounts/store.hpp"
#include "identity/import/old_secrets.hpp"
#include "identity/import/reference.hpp"
#include "identity/seed.hpp"
#include "identity/store.hpp"

namespace corral::identity {

namespace {

using Ref = ReferenceDatabase;

bool is_bcrypt(const std::string& hash) { return hash.starts_with("$2") && hash.size() == 60; }

const Ref::User* root_of(const Ref& from) {
    const auto it = std::ranges::find_if(from.users, [](const auto& u) { return lower(u.username) == root_username; });
    return it == from.users.end() ? nullptr : &*it;
}

class Import {
public:
    Import(db::Tx& tx, const Ref& from, const ImportOptions& options, Time now)
        : tx_(tx), from_(from), options_(options), now_(now) {}

    // `came_with_root`: this run made root of the file's.
    ImportReport run(bool came_with_root) {
        take_claims();
        take_roles();
        take_users(came_with_root);
        take_keys();
        take_configs();
        for (const auto& [kind, count] : from_.other)
            note(std::to_string(count) + " of " + kind + " not taken: only accounts and what belongs to them are");
        return std::move(report_);
    }

private:
    ImportReport::Kind& begin(const char* name) { return report_.kinds.emplace_back(ImportReport::Kind{.name = name}); }
    void note(std::string text) { report_.notes.push_back(std::move(text)); }
    Time time_of(const std::string& text) const { return from_rfc3339(text).value_or(now_); }
    std::string hash_of(const std::string& hash) const { return options_.unsalted ? unsalted_hash(hash) : hash; }

    void take_claims() {
        auto& kind = begin("claims");
        for (const auto& claim : from_.claims) {
            const std::string id = normal_name(claim.id);
            if (id.empty()) {
                ++kind.refused;
                note("a claim without a name not taken");
            } else if (store::claim(tx_, id)) {
                ++kind.here;
            } else {
                // Ours alone are built in: what only the reference knew can be removed here.
                store::insert_claim(tx_, {id, claim.group, claim.resource, claim.action, claim.description, false});
                ++kind.taken;
            }
        }
    }

    void give_claims(const Ref::Role& role, const std::string& id) {
        for (const auto& claim : role.claims) {
            if (store::claim(tx_, normal_name(claim.id)))
                store::grant_to_role(tx_, id, normal_name(claim.id));
            else
                note("role " + id + ": claim " + claim.id + " does not exist and was left out");
        }
    }

    void take_roles() {
        auto& kind = begin("roles");
        for (const auto& role : from_.roles) {
            const std::string id = normal_name(role.id);
            const bool built_in = id == "USER" || id == "ADMIN" || id == super_user_role;
            if (id.empty()) {
                ++kind.refused;
                note("a role without a name not taken");
            } else if (store::role(tx_, id)) {
                ++kind.here;
                if (built_in) give_claims(role, id);
            } else {
                store::insert_role(tx_, {id, role.description, false, {}});
                give_claims(role, id);
                ++kind.taken;
            }
        }
    }

    void give_rights(const Ref::User& from, const std::string& id) {
        for (const auto& role : from.roles) {
            if (store::role(tx_, normal_name(role.id)))
                store::grant_role(tx_, id, normal_name(role.id));
            else
                note("user " + from.username + ": role " + role.id + " does not exist and was left out");
        }
        for (const auto& claim : from.claims) {
            if (store::claim(tx_, normal_name(claim.id)))
                store::grant_claim(tx_, id, normal_name(claim.id));
            else
                note("user " + from.username + ": claim " + claim.id + " does not exist and was left out");
        }
    }

    void take_users(bool came_with_root) {
        auto& kind = begin("users");
        for (const auto& from : from_.users) {
            const std::string who = "user " + (from.username.empty() ? from.id : from.username);
            const auto refuse = [&](const std::string& why) {
                ++kind.refused;
                note(who + " not taken: " + why);
            };
            if (lower(from.username) == root_username) {
                const std::string root = store::user_called(tx_, std::string(root_username), "").value_or("");
                ours_[from.id] = root;
                ++(came_with_root ? kind.taken : kind.here);
                if (!came_with_root && root != from.id)
                    note("root is here already: its password stays, its API keys and settings there become its own");
                continue;
            }
            if (from.id.empty() || from.username.empty() || from.email.empty()) {
                refuse("id, user name or e-mail is missing");
            } else if (store::user(tx_, from.id)) {
                ours_[from.id] = from.id;
                ++kind.here;
            } else if (store::user_called(tx_, from.username, "") || store::user_called(tx_, from.email, "") ||
                       store::user_called(tx_, from.id, "")) {
                refuse("another account has its name or e-mail");
            } else if (!from.password.empty() && !is_bcrypt(from.password)) {
                refuse("its password is kept in a form that is not known");
            } else {
                User user{.id = from.id,
                          .username = from.username,
                          .name = from.name,
                          .email = from.email,
                          .password_hash = from.password.empty() ? "" : hash_of(from.password),
                          .created_at = time_of(from.created_at),
                          .updated_at = time_of(from.updated_at)};
                store::insert_user(tx_, user);
                give_rights(from, user.id);
                ours_[from.id] = user.id;
                ++kind.taken;
                if (from.password.empty()) note(who + " has no password and cannot sign in until it gets one");
            }
        }
    }

    void take_keys() {
        auto& kind = begin("API keys");
        std::unordered_set<std::string> names;
        std::unordered_set<std::string> ids;
        for (const ApiKey& key : store::api_keys(tx_)) {
            ids.insert(key.id);
            names.insert({lower(key.name), lower(key.key), lower(key.id)});
        }
        bool any_with_owner = false;
        for (const auto& from : from_.api_keys) {
            const std::string which = "API key " + (from.name.empty() ? from.id : from.name);
            const auto refuse = [&](const std::string& why) {
                ++kind.refused;
                note(which + " not taken: " + why);
            };
            const auto owner = ours_.find(from.user_id);
            const auto expires = from_rfc3339(from.expires_at);
            if (ids.contains(from.id)) {
                ++kind.here;
            } else if (from.type == "internal") {
                refuse("it belongs to the machinery of the old server");
            } else if (from.id.empty() || from.name.empty() || from.key.empty() || !is_bcrypt(from.secret)) {
                refuse("id, name, key or a known form of the secret is missing");
            } else if (!from.user_id.empty() && owner == ours_.end()) {
                refuse("its owner does not exist here");
            } else if (names.contains(lower(from.name)) || names.contains(lower(from.key)) ||
                       names.contains(lower(from.id))) {
                refuse("another key has its name or key");
            } else {
                ApiKey key{.id = from.id,
                           .name = from.name,
                           .key = from.key,
                           .secret_mac = hash_of(from.secret),
                           .user_id = from.user_id.empty() ? "" : owner->second,
                           .revoked = from.revoked,
                           .revoked_at = from_rfc3339(from.revoked_at),
                           .expires_at = expires,
                           .created_at = time_of(from.created_at),
                           .updated_at = time_of(from.updated_at)};
                store::insert_api_key(tx_, key);
                names.insert({lower(key.name), lower(key.key), lower(key.id)});
                ++kind.taken;
                any_with_owner = any_with_owner || !key.user_id.empty();
                if (key.user_id.empty()) note(which + " has no owner: it acts as root; revoke it if nobody needs it");
                if (!from.expires_at.empty() && !expires)
                    note(which + " never expires: its date was not readable there either");
            }
        }
        if (any_with_owner)
            note("API keys with an owner may do what the owner may; there, every key could do everything");
    }

    void take_configs() {
        auto& kind = begin("user settings");
        for (const auto& from : from_.user_configs) {
            const std::string which = "user setting " + from.slug;
            const auto owner = ours_.find(from.user_id);
            if (owner == ours_.end() || from.slug.empty()) {
                ++kind.refused;
                note(which + " not taken: " + (from.slug.empty() ? "it has no slug" : "its user does not exist here"));
            } else if (store::config_with_slug(tx_, owner->second, from.slug) ||
                       store::config(tx_, owner->second, from.id)) {
                ++kind.here;
            } else {
                store::insert_config(
                    tx_, {from.id, owner->second, from.slug, from.name, from.type.empty() ? "string" : from.type,
                          from.value, time_of(from.created_at), time_of(from.updated_at)});
                ++kind.taken;
            }
        }
    }

    db::Tx& tx_;
    const Ref& from_;
    const ImportOptions& options_;
    const Time now_;
    ImportReport report_;
    std::unordered_map<std::string, std::string> ours_;  // ids of users there → here
};

// Before the first start here nobody has root's password: then root is the one of the file, with its id, to which its
// hash is bound. True when it came so.
Result<bool> take_root(db::Database& database, const Clock& clock, const Ref& from, const ImportOptions& options) {
    const Ref::User* root = root_of(from);
    if (root == nullptr || root->id.empty() || !is_bcrypt(root->password)) return false;
    return database.write([&](db::Tx& tx) -> Result<bool> {
        if (store::user_called(tx, std::string(root_username), "")) return false;
        const Time created = from_rfc3339(root->created_at).value_or(clock.now());
        store::insert_user(tx, {.id = root->id,
                                .username = std::string(root_username),
                                .name = root->name.empty() ? "Root" : root->name,
                                .email = root->email.empty() ? "root@localhost" : root->email,
                                .password_hash = options.unsalted ? unsalted_hash(root->password) : root->password,
                                .created_at = created,
                                .updated_at = created});
        return true;
    });
}

}  // namespace

Result<ImportReport> import_reference(db::Database& database, Directory& directory, const Clock& clock,
                                      const ReferenceDatabase& from, const ImportOptions& options) {
    const bool came_with_root = TRY(take_root(database, clock, from, options));
    const bool root_here = came_with_root || TRY(database.read([](db::Tx& tx) {
                               return store::user_called(tx, std::string(root_username), "").has_value();
                           }));
    if (!root_here)
        return Error{Errc::invalid, "The file has no root with a password: start the server once, then import"};
    TRY(seed(database, directory, clock, Secret{}));
    auto report = TRY(database.write([&](db::Tx& tx) {
        tx.announce("identity");
        return Import(tx, from, options, clock.now()).run(came_with_root);
    }));
    TRY(directory.reload());
    return report;
}

}  // namespace corral::identity
