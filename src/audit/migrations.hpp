// Tables of audit. Numbers 500 to 549.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::audit {

inline std::vector<db::Migration> migrations() {
    // The counter's row makes numbers rise in the order of commits, whoever writes, and survive that all rows are
    // trimmed.
    return {{500, "audit", R"sql(
CREATE TABLE audit (
  sequence BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor_id TEXT NOT NULL, actor_name TEXT NOT NULL,
  api_key_id TEXT NOT NULL, address TEXT NOT NULL, request_id TEXT NOT NULL, action TEXT NOT NULL,
  object_type TEXT NOT NULL, object_id TEXT NOT NULL, result TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX audit_at ON audit (at);
CREATE TABLE audit_counter (one BIGINT PRIMARY KEY, last BIGINT NOT NULL);
INSERT INTO audit_counter (one, last) VALUES (1, 0)
)sql"}};
}

}  // namespace corral::audit
