#include "identity/accounts/store.hpp"

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

std::vector<Claim> claims_where(db::Tx& tx, std::string_view rest, const auto&... in) {
    std::vector<Claim> out;
    for (auto& [id, group, resource, action, description, internal, position] :
         tx.all<std::string, std::string, std::string, std::string, std::string, bool, std::int64_t>(
             "SELECT id, claim_group, resource, action, description, internal, position FROM claims " +
                 std::string(rest),
             in...))
        out.push_back({id, group, resource, action, description, internal, position});
    return out;
}

std::vector<User> users_where(db::Tx& tx, std::string_view rest, const auto&... in) {
    std::vector<User> out;
    for (auto& [id, username, name, email, hash, failed, locked, blocked, epoch, created, updated] :
         tx.all<std::string, std::string, std::string, std::string, std::string, int, std::optional<Time>, bool,
                std::int64_t, Time, Time>(
             "SELECT id, username, name, email, password_hash, failed_logins, locked_until, blocked, token_epoch, "
             "created_at, updated_at FROM users " +
                 std::string(rest),
             in...))
        out.push_back({id, username, name, email, hash, {}, {}, failed, locked, blocked, epoch, created, updated});
    return out;
}

std::vector<UserConfig> configs_where(db::Tx& tx, std::string_view rest, const auto&... in) {
    std::vector<UserConfig> out;
    for (auto& [id, user, slug, name, type, value, created, updated] :
         tx.all<std::string, std::string, std::string, std::string, std::string, std::string, Time, Time>(
             "SELECT id, user_id, slug, name, type, value, created_at, updated_at FROM user_configs " +
                 std::string(rest),
             in...))
        out.push_back({id, user, slug, name, type, value, created, updated});
    return out;
}

std::optional<UserConfig> first(std::vector<UserConfig> found) {
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

}  // namespace

std::vector<Claim> claims(db::Tx& tx) { return claims_where(tx, "ORDER BY position"); }

std::optional<Claim> claim(db::Tx& tx, const std::string& id) {
    auto found = claims_where(tx, "WHERE id = :1", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

std::optional<Claim> insert_claim(db::Tx& tx, Claim c) {
    c.position = next_position(tx, "claims");
    if (tx.exec("INSERT INTO claims (id, position, claim_group, resource, action, description, internal) "
                "VALUES (:1, :2, :3, :4, :5, :6, :7) ON CONFLICT DO NOTHING",
                c.id, c.position, c.group, c.resource, c.action, c.description, c.internal) == 0)
        return std::nullopt;
    return c;
}

void delete_claim(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM claims WHERE id = :1", id); }

bool claim_is_held(db::Tx& tx, const std::string& id) {
    return tx
        .one<std::string>(
            "SELECT user_id FROM user_claims WHERE claim_id = :1 AND user_id NOT IN "
            "(SELECT id FROM users WHERE lower(username) = :2) LIMIT 1",
            id, std::string(root_username))
        .has_value();
}

std::vector<Role> roles(db::Tx& tx) {
    Grants claims = grants(tx, "SELECT role_id, claim_id FROM role_claims ORDER BY role_id, position");
    std::vector<Role> out;
    for (auto& [id, description, internal, position] : tx.all<std::string, std::string, bool, std::int64_t>(
             "SELECT id, description, internal, position FROM roles ORDER BY position"))
        out.push_back({id, description, internal, std::move(claims[id]), position});
    return out;
}

std::optional<Role> role(db::Tx& tx, const std::string& id) {
    auto found =
        tx.one<std::string, bool, std::int64_t>("SELECT description, internal, position FROM roles WHERE id = :1", id);
    if (!found) return std::nullopt;
    auto& [description, internal, position] = *found;
    return Role{id, description, internal,
                tx.all<std::string>("SELECT claim_id FROM role_claims WHERE role_id = :1 ORDER BY position", id),
                position};
}

void insert_role(db::Tx& tx, const Role& r) {
    tx.exec("INSERT INTO roles (id, position, description, internal) VALUES (:1, :2, :3, :4)", r.id,
            next_position(tx, "roles"), r.description, r.internal);
    for (const auto& claim : r.claims) grant_to_role(tx, r.id, claim);
}

void delete_role(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM roles WHERE id = :1", id); }

bool role_is_held(db::Tx& tx, const std::string& id) {
    return tx.one<std::string>("SELECT user_id FROM user_roles WHERE role_id = :1 LIMIT 1", id).has_value();
}

bool grant_to_role(db::Tx& tx, const std::string& role, const std::string& claim) {
    return tx.exec("INSERT INTO role_claims (role_id, claim_id, position) VALUES (:1, :2, :3) ON CONFLICT DO NOTHING",
                   role, claim, next_position(tx, "role_claims")) > 0;
}

bool take_from_role(db::Tx& tx, const std::string& role, const std::string& claim) {
    return tx.exec("DELETE FROM role_claims WHERE role_id = :1 AND claim_id = :2", role, claim) > 0;
}

std::vector<User> users(db::Tx& tx) {
    Grants roles = grants(tx, "SELECT user_id, role_id FROM user_roles ORDER BY user_id, position");
    Grants claims = grants(tx, "SELECT user_id, claim_id FROM user_claims ORDER BY user_id, position");
    auto out = users_where(tx, "ORDER BY created_at, id");
    for (User& user : out) {
        user.roles = std::move(roles[user.id]);
        user.claims = std::move(claims[user.id]);
    }
    return out;
}

std::optional<User> user(db::Tx& tx, const std::string& id) {
    auto found = users_where(tx, "WHERE id = :1", id);
    if (found.empty()) return std::nullopt;
    User& user = found.front();
    user.roles = tx.all<std::string>("SELECT role_id FROM user_roles WHERE user_id = :1 ORDER BY position", id);
    user.claims = tx.all<std::string>("SELECT claim_id FROM user_claims WHERE user_id = :1 ORDER BY position", id);
    return std::move(user);
}

std::optional<std::string> user_called(db::Tx& tx, const std::string& name, const std::string& except) {
    return tx.one<std::string>(
        "SELECT id FROM users WHERE (lower(username) = lower(:1) OR lower(email) = lower(:1) OR id = :1) "
        "AND id <> :2 LIMIT 1",
        name, except);
}

void insert_user(db::Tx& tx, const User& u) {
    tx.exec(
        "INSERT INTO users (id, username, name, email, password_hash, failed_logins, locked_until, blocked, "
        "token_epoch, created_at, updated_at) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
        u.id, u.username, u.name, u.email, u.password_hash, u.failed_logins, u.locked_until, u.blocked, u.token_epoch,
        u.created_at, u.updated_at);
    for (const auto& role : u.roles) grant_role(tx, u.id, role);
    for (const auto& claim : u.claims) grant_claim(tx, u.id, claim);
}

void update_user(db::Tx& tx, const User& u) {
    tx.exec(
        "UPDATE users SET username = :1, name = :2, email = :3, password_hash = :4, failed_logins = :5, "
        "locked_until = :6, blocked = :7, token_epoch = :8, updated_at = :9 WHERE id = :10",
        u.username, u.name, u.email, u.password_hash, u.failed_logins, u.locked_until, u.blocked, u.token_epoch,
        u.updated_at, u.id);
}

void delete_user(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM users WHERE id = :1", id); }

bool grant_role(db::Tx& tx, const std::string& user, const std::string& role) {
    return tx.exec("INSERT INTO user_roles (user_id, role_id, position) VALUES (:1, :2, :3) ON CONFLICT DO NOTHING",
                   user, role, next_position(tx, "user_roles")) > 0;
}

bool take_role(db::Tx& tx, const std::string& user, const std::string& role) {
    return tx.exec("DELETE FROM user_roles WHERE user_id = :1 AND role_id = :2", user, role) > 0;
}

bool grant_claim(db::Tx& tx, const std::string& user, const std::string& claim) {
    return tx.exec("INSERT INTO user_claims (user_id, claim_id, position) VALUES (:1, :2, :3) ON CONFLICT DO NOTHING",
                   user, claim, next_position(tx, "user_claims")) > 0;
}

bool take_claim(db::Tx& tx, const std::string& user, const std::string& claim) {
    return tx.exec("DELETE FROM user_claims WHERE user_id = :1 AND claim_id = :2", user, claim) > 0;
}

std::vector<UserConfig> configs(db::Tx& tx, const std::string& user) {
    return configs_where(tx, "WHERE user_id = :1 ORDER BY position", user);
}

std::int64_t count_configs(db::Tx& tx, const std::string& user) {
    return tx.one<std::int64_t>("SELECT COUNT(*) FROM user_configs WHERE user_id = :1", user).value_or(0);
}

std::optional<UserConfig> config(db::Tx& tx, const std::string& user, const std::string& name) {
    auto by_id = first(configs_where(tx, "WHERE id = lower(:1) AND user_id = :2", name, user));
    return by_id ? by_id : config_with_slug(tx, user, name);
}

std::optional<UserConfig> config_with_slug(db::Tx& tx, const std::string& user, const std::string& slug) {
    return first(configs_where(tx, "WHERE user_id = :1 AND lower(slug) = lower(:2)", user, slug));
}

void insert_config(db::Tx& tx, const UserConfig& c) {
    tx.exec(
        "INSERT INTO user_configs (id, user_id, position, slug, name, type, value, created_at, updated_at) "
        "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9)",
        c.id, c.user_id, next_position(tx, "user_configs"), c.slug, c.name, c.type, c.value, c.created_at,
        c.updated_at);
}

void update_config(db::Tx& tx, const UserConfig& c) {
    tx.exec("UPDATE user_configs SET name = :1, type = :2, value = :3, updated_at = :4 WHERE id = :5", c.name, c.type,
            c.value, c.updated_at, c.id);
}

void delete_config(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM user_configs WHERE id = :1", id); }

}  // namespace corral::identity::store
