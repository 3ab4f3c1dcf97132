// The PostgreSQL engine behind Connection. Implementation detail of platform/db.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/db/connection.hpp"
#include "platform/db/postgres_session.hpp"

namespace corral::db {

// A name of ours as PostgreSQL keeps it: each schema of a database is a Corral database of its own.
std::string postgres_lock_key(const std::string& name);  // an SQL expression of type bigint

struct PostgresSettings {
    PostgresPlace place;
    std::string controller;         // hex digits: this process among those on the database, the same after a restart
    std::function<void()> doubted;  // a commit was lost on the way, and nobody can say whether it happened
};

// Throws Failure. The connection mends itself: when the server was gone, the next transaction connects again.
std::unique_ptr<Connection> open_postgres_connection(const PostgresSettings& settings, bool writer);

}  // namespace corral::db
