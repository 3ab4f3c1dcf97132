#include "identity/store.hpp"

namespace corral::identity::store {

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

void replace_password_hash(db::Tx& tx, const std::string& user, const std::string& old, const std::string& fresh) {
    tx.exec("UPDATE users SET password_hash = :1 WHERE id = :2 AND password_hash = :3", fresh, user, old);
}

void end_tokens(db::Tx& tx, const std::string& user) {
    tx.exec("UPDATE users SET token_epoch = token_epoch + 1 WHERE id = :1", user);
}

namespace {

constexpr std::string_view select_keys =
    "SELECT id, name, key, secret_mac, user_id, revoked, forwarder, revoked_at, expires_at, created_at, updated_at "
    "FROM api_keys ";

std::vector<ApiKey> keys_where(db::Tx& tx, std::string_view rest, const auto&... in) {
    std::vector<ApiKey> out;
    for (auto& [id, name, key, mac, user, revoked, forwarder, revoked_at, expires_at, created, updated] :
         tx.all<std::string, std::string, std::string, std::string, std::optional<std::string>, bool, bool,
                std::optional<Time>, std::optional<Time>, Time, Time>(std::string(select_keys) + std::string(rest),
                                                                      in...))
        out.push_back(
            {id, name, key, mac, user.value_or(""), revoked, forwarder, revoked_at, expires_at, created, updated});
    return out;
}

}  // namespace

std::vector<ApiKey> api_keys(db::Tx& tx) { return keys_where(tx, "ORDER BY created_at, id"); }

std::optional<ApiKey> api_key(db::Tx& tx, const std::string& id) {
    auto found = keys_where(tx, "WHERE id = :1", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void insert_api_key(db::Tx& tx, const ApiKey& k) {
    tx.exec(
        "INSERT INTO api_keys (id, name, key, secret_mac, user_id, revoked, forwarder, revoked_at, expires_at, "
        "created_at, updated_at) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
        k.id, k.name, k.key, k.secret_mac, k.user_id.empty() ? std::nullopt : std::optional(k.user_id), k.revoked,
        k.forwarder, k.revoked_at, k.expires_at, k.created_at, k.updated_at);
}

void replace_key_mac(db::Tx& tx, const std::string& id, const std::string& old, const std::string& fresh) {
    tx.exec("UPDATE api_keys SET secret_mac = :1 WHERE id = :2 AND secret_mac = :3", fresh, id, old);
}

void update_api_key(db::Tx& tx, const ApiKey& k) {
    tx.exec("UPDATE api_keys SET revoked = :1, revoked_at = :2, updated_at = :3 WHERE id = :4", k.revoked, k.revoked_at,
            k.updated_at, k.id);
}

void delete_api_key(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM api_keys WHERE id = :1", id); }

}  // namespace corral::identity::store
