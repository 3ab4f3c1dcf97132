// What the controllers of one database have in common. Numbers 900 to 999.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::app {

inline std::vector<db::Migration> migrations() {
    return {{900, "installation", "CREATE TABLE installation (name TEXT PRIMARY KEY, value TEXT NOT NULL)"}};
}

// Those of every module; what a database needs before anything is read from it.
std::vector<db::Migration> all_migrations();

}  // namespace corral::app
