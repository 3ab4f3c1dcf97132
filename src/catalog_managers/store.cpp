#include "catalog_managers/store.hpp"

#include "platform/crypto/seal.hpp"
#include "platform/json/json.hpp"

namespace corral::catalog_managers::store {

namespace {

std::string sealed(const Secret& key, const Secret& secret) {
    return secret.empty() ? std::string() : crypto::seal(key, secret.reveal());
}

Result<Secret> opened(const Secret& key, const std::string& text) {
    if (text.empty()) return Secret();
    auto secret = crypto::unseal(key, text);
    if (!secret)
        return Error{Errc::internal, "The credentials of this catalog manager cannot be read: give them again",
                     "sealed with another key"};
    return Secret(std::move(*secret));
}

struct Row {
    Manager manager;
    std::string sealed_password, sealed_api_key;
};

std::vector<Row> rows(db::Tx& tx, std::string_view rest, const auto&... in) {
    std::vector<Row> out;
    for (auto& [id, name, url, internal, active, method, username, password, api_key, global, claims, owner, created,
                updated, revision] :
         tx.all<std::string, std::string, std::string, bool, bool, std::string, std::string, std::string, std::string,
                bool, std::string, std::string, Time, Time, std::int64_t>(
             "SELECT id, name, url, internal, active, authentication_method, username, sealed_password, "
             "sealed_api_key, global, required_claims, owner_id, created_at, updated_at, revision "
             "FROM catalog_managers " +
                 std::string(rest),
             in...)) {
        Row row{.manager = {.id = id,
                            .name = name,
                            .url = url,
                            .internal = internal,
                            .active = active,
                            .global = global,
                            .authentication_method = method,
                            .credentials = {.username = username},
                            .owner_id = owner,
                            .created_at = created,
                            .updated_at = updated,
                            .revision = revision},
                .sealed_password = password,
                .sealed_api_key = api_key};
        if (auto list = json::read<std::vector<std::string>>(claims)) row.manager.required_claims = std::move(*list);
        out.push_back(std::move(row));
    }
    return out;
}

}  // namespace

std::vector<Listed> all(db::Tx& tx) {
    std::vector<Listed> out;
    for (Row& row : rows(tx, "ORDER BY created_at, id"))
        out.push_back({std::move(row.manager), !row.sealed_password.empty(), !row.sealed_api_key.empty()});
    return out;
}

std::optional<Listed> find(db::Tx& tx, const std::string& id) {
    auto found = rows(tx, "WHERE id = :1", id);
    if (found.empty()) return std::nullopt;
    Row& row = found.front();
    return Listed{std::move(row.manager), !row.sealed_password.empty(), !row.sealed_api_key.empty()};
}

Result<std::optional<Manager>> open(db::Tx& tx, const std::string& id, const Secret& key) {
    auto found = rows(tx, "WHERE id = :1", id);
    if (found.empty()) return std::optional<Manager>();
    Row& row = found.front();
    row.manager.credentials.password = TRY(opened(key, row.sealed_password));
    row.manager.credentials.api_key = TRY(opened(key, row.sealed_api_key));
    return std::optional<Manager>(std::move(row.manager));
}

void insert(db::Tx& tx, const Manager& m, const Secret& key) {
    tx.exec(
        "INSERT INTO catalog_managers (id, name, url, internal, active, authentication_method, username, "
        "sealed_password, sealed_api_key, global, required_claims, owner_id, created_at, updated_at, revision) "
        "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11, :12, :13, :14, :15)",
        m.id, m.name, m.url, m.internal, m.active, m.authentication_method, m.credentials.username,
        sealed(key, m.credentials.password), sealed(key, m.credentials.api_key), m.global,
        json::to_text(m.required_claims), m.owner_id, m.created_at, m.updated_at, m.revision);
}

bool update(db::Tx& tx, const Manager& m, const Secret& key) {
    return tx.exec(
               "UPDATE catalog_managers SET name = :1, url = :2, internal = :3, active = :4, "
               "authentication_method = :5, username = :6, sealed_password = :7, sealed_api_key = :8, global = :9, "
               "required_claims = :10, updated_at = :11, revision = revision + 1 WHERE id = :12 AND revision = :13",
               m.name, m.url, m.internal, m.active, m.authentication_method, m.credentials.username,
               sealed(key, m.credentials.password), sealed(key, m.credentials.api_key), m.global,
               json::to_text(m.required_claims), m.updated_at, m.id, m.revision) > 0;
}

void remove(db::Tx& tx, const std::string& id) { tx.exec("DELETE FROM catalog_managers WHERE id = :1", id); }

}  // namespace corral::catalog_managers::store
