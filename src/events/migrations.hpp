// Tables of events. Numbers 200 to 249.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::events {

inline std::vector<db::Migration> migrations() {
    return {{200, "events", R"sql(
CREATE TABLE events (
  sequence BIGINT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL, body TEXT NOT NULL,
  owner TEXT NOT NULL, created_at BIGINT NOT NULL)
)sql"},
            // The key by the row's own number, where the engine has one (db/sqlite.cpp).
            {201, "events_one_tree", R"sql(
CREATE TABLE events_again (
  sequence BIGINT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL, body TEXT NOT NULL,
  owner TEXT NOT NULL, created_at BIGINT NOT NULL);
INSERT INTO events_again SELECT sequence, id, type, message, body, owner, created_at FROM events;
DROP TABLE events;
ALTER TABLE events_again RENAME TO events
)sql"}};
}

}  // namespace corral::events
