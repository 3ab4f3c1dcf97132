// The database of a test: SQLite, or PostgreSQL when CORRAL_TEST_DATABASE=postgresql, which ctest sets for a second run
// of the same test programs. The same path is the same database, also when it is opened again.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "platform/db/db.hpp"
#include "support/postgres_server.hpp"

namespace corral::testing_support {

inline bool on_postgresql() {
    const char* wanted = std::getenv("CORRAL_TEST_DATABASE");
    return wanted != nullptr && std::string(wanted) == "postgresql";
}

// DATABASE_URL for what open_database_at() opens; "" on SQLite.
inline std::string database_url(const std::string& path) {
    return on_postgresql() ? PostgresServer::shared().url(path) : std::string{};
}

// Each call is another controller.
inline Result<std::unique_ptr<db::Database>> open_database_at(const std::string& path) {
    if (!on_postgresql()) return db::open_sqlite(path);
    static std::atomic<int> controller{0xc0};
    return db::open_postgres(Secret(database_url(path)), std::to_string(controller++));
}

}  // namespace corral::testing_support
