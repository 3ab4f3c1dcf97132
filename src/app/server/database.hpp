// The database that the configuration asks for.
#pragma once

#include <memory>

#include "app/server/config.hpp"
#include "app/server/folders.hpp"
#include "platform/db/db.hpp"
#include "platform/files/lock.hpp"

namespace corral::app {

// SQLite in the data folder or, with DATABASE_URL, PostgreSQL: then this controller is known by <data>/controller.id,
// made at the first start, and refuses to run twice (Errc::conflict).
Result<std::unique_ptr<db::Database>> open_database(const Config& config, const Folders& folders);

// An embedded database belongs to one process, which holds this as long as it lives; on PostgreSQL nothing is locked.
// Errc::conflict while a server, or a command that changes what it believes to know, has the data folder.
Result<files::FileLock> lock_folder(const Config& config, const Folders& folders);

// For a command that does its work whether a server runs or not: of SQLite only a database that is there already
// (Errc::not_found); on PostgreSQL under a name of its own, so that the controllers hear of its changes.
Result<std::unique_ptr<db::Database>> open_database_beside_server(const Config& config, const Folders& folders);

// Controllers on one PostgreSQL database need the same secret key, or they would refuse each other's tokens and API
// keys. Errc::invalid when `master_key` is not the one that the first of them had. SQLite is not asked: it has one
// controller.
Result<void> check_key(const Config& config, db::Database& database, const Secret& master_key);

}  // namespace corral::app
