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
)sql"}};
}

}  // namespace corral::events
