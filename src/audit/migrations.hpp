// Tables of audit. Numbers 500 to 549.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::audit {

inline std::vector<db::Migration> migrations() {
    // The counter's row holds the last number over a trimming that leaves no entry.
    return {{500, "audit", R"sql(
CREATE TABLE audit (
  sequence BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor_id TEXT NOT NULL, actor_name TEXT NOT NULL,
  api_key_id TEXT NOT NULL, address TEXT NOT NULL, request_id TEXT NOT NULL, action TEXT NOT NULL,
  object_type TEXT NOT NULL, object_id TEXT NOT NULL, result TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX audit_at ON audit (at);
CREATE TABLE audit_counter (one BIGINT PRIMARY KEY, last BIGINT NOT NULL);
INSERT INTO audit_counter (one, last) VALUES (1, 0)
)sql"},
            // One tree to write for an entry: the key by the row's own number, where the engine has one
            // (db/sqlite.cpp), and no index of times, in whose order the entries are anyway.
            {501, "audit_one_tree", R"sql(
CREATE TABLE audit_again (
  sequence BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor_id TEXT NOT NULL, actor_name TEXT NOT NULL,
  api_key_id TEXT NOT NULL, address TEXT NOT NULL, request_id TEXT NOT NULL, action TEXT NOT NULL,
  object_type TEXT NOT NULL, object_id TEXT NOT NULL, result TEXT NOT NULL, detail TEXT NOT NULL);
INSERT INTO audit_again SELECT sequence, at, actor_id, actor_name, api_key_id, address, request_id, action, object_type,
  object_id, result, detail FROM audit;
DROP TABLE audit;
ALTER TABLE audit_again RENAME TO audit
)sql"}};
}

}  // namespace corral::audit
