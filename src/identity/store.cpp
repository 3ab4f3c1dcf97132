#include "identity/store.hpp"

#include <unordered_map>

namespace corral::identity::store {

namespace {

// The next place in a list kept in order of insertion.
std::int64_t next_position(db::Tx& tx, std::string_view table) {
    return tx.one<std::int64_t>("SELECT COALESCE(MAX(position), 0) + 1 FROM " + std::string(table)).value_or(1);
}

using Grants = std::unordered_map<std::string, std::vector<std::string>>;

Grants grants(db::Tx& tx, std::string_view sql) {
    Grants out;
    for (auto& [owner, granted] : tx.all<std::string, std::string>(sql)) out[owner].push_back(std::move(granted));
    return out;
}

}  // namespace

std::vector<Claim> claims(db::Tx& tx) {
    std::vector<Claim> out;
    for (auto& [id, group, resource, action, description, internal] :
         tx.all<std::string, std::string, std::string, std::string, std::string, bool>(
             "SELECT id, claim_group, resource, action, description, internal FROM claims ORDER BY position"))
        out.push_back({id, group, resource, action, description, internal});
    return out;
}

void insert_claim(db::Tx& tx, const Claim& c) {
    tx.exec(
        "INSERT INTO claims (id, position, claim_group, resource, action, description, internal) "
        "VALUES (:1, :2, :3, :4, :5, :6, :7)",
        c.id, next_position(tx, "claims"), c.group, c.resource, c.action, c.description, c.internal);
}

void delete_claim(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM claims WHERE id = :1", id); }

std::vector<Role> roles(db::Tx& tx) {
    Grants claims = grants(tx, "SELECT role_id, claim_id FROM role_claims ORDER BY role_id, position");
    std::vector<Role> out;
    for (auto& [id, description, internal] :
         tx.all<std::string, std::string, bool>("SELECT id, description, internal FROM roles ORDER BY position"))
        out.push_back({id, description, internal, std::move(claims[id])});
    return out;
}

void insert_role(db::Tx& tx, const Role& r) {
    tx.exec("INSERT INTO roles (id, position, description, internal) VALUES (:1, :2, :3, :4)", r.id,
            next_position(tx, "roles"), r.description, r.internal);
    for (const auto& claim : r.claims) grant_to_role(tx, r.id, claim);
}

void delete_role(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM roles WHERE id = :1", id); }

void grant_to_role(db::Tx& tx, const std::string& role, const std::string& claim) {
    tx.exec("INSERT INTO role_claims (role_id, claim_id, position) VALUES (:1, :2, :3) ON CONFLICT DO NOTHING", role,
            claim, next_position(tx, "role_claims"));
}

void take_from_role(db::Tx& tx, const std::string& role, const std::string& claim) {
    tx.exec("DELETE FROM role_claims WHERE role_id = :1 AND claim_id = :2", role, claim);
}

std::vector<User> users(db::Tx& tx) {
    Grants roles = grants(tx, "SELECT user_id, role_id FROM user_roles ORDER BY user_id, position");
    Grants claims = grants(tx, "SELECT user_id, claim_id FROM user_claims ORDER BY user_id, position");
    std::vector<User> out;
    for (auto& [id, username, name, email, hash, failed, locked, blocked, created, updated] :
         tx.all<std::string, std::string, std::string, std::string, std::string, int, std::optional<Time>, bool, Time,
                Time>(
             "SELECT id, username, name, email, password_hash, failed_logins, locked_until, blocked, created_at, "
             "updated_at FROM users ORDER BY created_at, id"))
        out.push_back({id, username, name, email, hash, std::move(roles[id]), std::move(claims[id]), failed, locked,
                       blocked, created, updated});
    return out;
}

void insert_user(db::Tx& tx, const User& u) {
    tx.exec(
        "INSERT INTO users (id, username, name, email, password_hash, failed_logins, locked_until, blocked, "
        "created_at, updated_at) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10)",
        u.id, u.username, u.name, u.email, u.password_hash, u.failed_logins, u.locked_until, u.blocked, u.created_at,
        u.updated_at);
    for (const auto& role : u.roles) grant_role(tx, u.id, role);
    for (const auto& claim : u.claims) grant_claim(tx, u.id, claim);
}

void update_user(db::Tx& tx, const User& u) {
    tx.exec(
        "UPDATE users SET username = :1, name = :2, email = :3, password_hash = :4, failed_logins = :5, "
        "locked_until = :6, blocked = :7, updated_at = :8 WHERE id = :9",
        u.username, u.name, u.email, u.password_hash, u.failed_logins, u.locked_until, u.blocked, u.updated_at, u.id);
}

void delete_user(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM users WHERE id = :1", id); }

int failed_logins(db::Tx& tx, const std::string& user) {
    return tx.one<int>("SELECT failed_logins FROM users WHERE id = :1", user).value_or(0);
}

int count_failed_login(db::Tx& tx, const std::string& user) {
    return tx.one<int>("UPDATE users SET failed_logins = failed_logins + 1 WHERE id = :1 RETURNING failed_logins", user)
        .value_or(0);
}

void clear_failed_logins(db::Tx& tx, const std::string& user) {
    tx.exec("UPDATE users SET failed_logins = 0, locked_until = NULL WHERE id = :1", user);
}

std::optional<Time> locked_until(db::Tx& tx, const std::string& user) {
    return tx.one<std::optional<Time>>("SELECT locked_until FROM users WHERE id = :1", user).value_or(std::nullopt);
}

void lock_until(db::Tx& tx, const std::string& user, Time until) {
    tx.exec("UPDATE users SET locked_until = :1 WHERE id = :2", until, user);
}

void grant_role(db::Tx& tx, const std::string& user, const std::string& role) {
    tx.exec("INSERT INTO user_roles (user_id, role_id, position) VALUES (:1, :2, :3) ON CONFLICT DO NOTHING", user,
            role, next_position(tx, "user_roles"));
}

void take_role(db::Tx& tx, const std::string& user, const std::string& role) {
    tx.exec("DELETE FROM user_roles WHERE user_id = :1 AND role_id = :2", user, role);
}

void grant_claim(db::Tx& tx, const std::string& user, const std::string& claim) {
    tx.exec("INSERT INTO user_claims (user_id, claim_id, position) VALUES (:1, :2, :3) ON CONFLICT DO NOTHING", user,
            claim, next_position(tx, "user_claims"));
}

void take_claim(db::Tx& tx, const std::string& user, const std::string& claim) {
    tx.exec("DELETE FROM user_claims WHERE user_id = :1 AND claim_id = :2", user, claim);
}

std::vector<ApiKey> api_keys(db::Tx& tx) {
    std::vector<ApiKey> out;
    for (auto& [id, name, key, mac, user, revoked, forwarder, revoked_at, expires_at, created, updated] :
         tx.all<std::string, std::string, std::string, std::string, std::optional<std::string>, bool, bool,
                std::optional<Time>, std::optional<Time>, Time, Time>(
             "SELECT id, name, key, secret_mac, user_id, revoked, forwarder, revoked_at, expires_at, created_at, "
             "updated_at "
             "FROM api_keys ORDER BY created_at, id"))
        out.push_back(
            {id, name, key, mac, user.value_or(""), revoked, forwarder, revoked_at, expires_at, created, updated});
    return out;
}

void insert_api_key(db::Tx& tx, const ApiKey& k) {
    tx.exec(
        "INSERT INTO api_keys (id, name, key, secret_mac, user_id, revoked, forwarder, revoked_at, expires_at, "
        "created_at, updated_at) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
        k.id, k.name, k.key, k.secret_mac, k.user_id.empty() ? std::nullopt : std::optional(k.user_id), k.revoked,
        k.forwarder, k.revoked_at, k.expires_at, k.created_at, k.updated_at);
}

void update_api_key(db::Tx& tx, const ApiKey& k) {
    tx.exec("UPDATE api_keys SET revoked = :1, revoked_at = :2, updated_at = :3 WHERE id = :4", k.revoked, k.revoked_at,
            k.updated_at, k.id);
}

void delete_api_key(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM api_keys WHERE id = :1", id); }

}  // namespace corral::identity::store
