// Tables of machines. Numbers 400 to 499.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::machines {

// phase: creating → present → deleting, or → base (removed, but its disk layers still carry clones).
inline std::vector<db::Migration> migrations() {
    return {{400, "machines", R"sql(
CREATE TABLE machines (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, home TEXT NOT NULL, digest TEXT NOT NULL,
  phase TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE machine_bases (
  machine_id TEXT NOT NULL, base_id TEXT NOT NULL, PRIMARY KEY (machine_id, base_id));
CREATE INDEX machine_bases_base ON machine_bases (base_id)
)sql"}};
}

}  // namespace corral::machines
