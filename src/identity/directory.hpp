// All accounts and rights in memory: an immutable snapshot that every committed change replaces, so that requests are
// answered without the database. Lookups are without case. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/model.hpp"
#include "platform/db/db.hpp"
#include "platform/http/caller.hpp"

namespace corral::identity {

struct Account {
    User user;
    std::shared_ptr<const Principal> principal;
};

struct Snapshot {
    std::vector<Claim> claims;
    std::vector<Role> roles;
    std::vector<std::shared_ptr<const Account>> accounts;  // in order of creation
    std::vector<ApiKey> keys;
    std::unordered_map<std::string, std::shared_ptr<const Account>> by_name;  // lower-case id, user name, e-mail
    std::unordered_map<std::string, std::size_t> key_by_name;                 // lower-case id, name, key → index
    std::shared_ptr<const Account> root;

    [[nodiscard]] std::shared_ptr<const Account> account(std::string_view id_or_name) const;  // null: none
    [[nodiscard]] const ApiKey* key(std::string_view id_or_name) const;
    [[nodiscard]] const Role* role(std::string_view id) const;
    [[nodiscard]] const Claim* claim(std::string_view id) const;
};

Snapshot load_snapshot(db::Tx&);
std::string lower(std::string_view);
// models-a 12: special characters become '_', then trimmed; upper case, as ids of roles, claims and keys are kept.
std::string normal_name(std::string_view);

class Directory {
public:
    explicit Directory(db::Database& database) : database_(database) {}
    Result<void> reload();
    [[nodiscard]] std::shared_ptr<const Snapshot> now() const;

private:
    db::Database& database_;
    std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<Snapshot>();  // through std::atomic_load/store
};

}  // namespace corral::identity
