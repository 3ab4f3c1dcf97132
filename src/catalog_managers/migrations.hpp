// Tables of the catalog managers. Numbers 550 to 599.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::catalog_managers {

inline std::vector<db::Migration> migrations() {
    return {{550, "catalog_managers", R"sql(
CREATE TABLE catalog_managers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, internal BOOLEAN NOT NULL, active BOOLEAN NOT NULL,
  authentication_method TEXT NOT NULL, username TEXT NOT NULL, sealed_password TEXT NOT NULL,
  sealed_api_key TEXT NOT NULL, global BOOLEAN NOT NULL, required_claims TEXT NOT NULL, owner_id TEXT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, revision BIGINT NOT NULL)
)sql"}};
}

}  // namespace corral::catalog_managers
