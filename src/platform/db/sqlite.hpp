// The SQLite engine behind Connection (https://sqlite.org/c3ref). Implementation detail of platform/db.
#pragma once

#include <memory>
#include <string>

#include "platform/db/connection.hpp"

namespace corral::db {

// `uri` is a file: URI. Throws Failure. A writer connection also sets the journal mode of the file.
std::unique_ptr<Connection> open_sqlite_connection(const std::string& uri, bool writer);

}  // namespace corral::db
