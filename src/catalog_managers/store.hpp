// SQL of the catalog managers. Secrets are sealed on their way in and opened on their way out, with the key given.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog_managers/model.hpp"
#include "platform/db/db.hpp"

namespace corral::catalog_managers::store {

// In order of creation, without password and API key: `has_password` and `has_api_key` say whether they are there.
struct Listed {
    Manager manager;
    bool has_password = false, has_api_key = false;
};
std::vector<Listed> all(db::Tx& tx);
std::optional<Listed> find(db::Tx& tx, const std::string& id);
// With its secrets. Errc::internal when they were sealed with another key.
Result<std::optional<Manager>> open(db::Tx& tx, const std::string& id, const Secret& key);

void insert(db::Tx& tx, const Manager& manager, const Secret& key);
// False when the row is gone or not of this revision any more; the new one is a higher.
bool update(db::Tx& tx, const Manager& manager, const Secret& key);
void remove(db::Tx& tx, const std::string& id);

}  // namespace corral::catalog_managers::store
