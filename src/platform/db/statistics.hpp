// How much is written: for metrics. Any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "platform/db/db.hpp"

namespace corral::db {

struct Statistics {
    std::uint64_t commits = 0;       // durable ones
    std::uint64_t transactions = 0;  // write()s in them; more than commits when some shared one
    std::uint64_t failures = 0;      // commits that could not be made durable
};
// nullopt for a database that keeps no count.
std::optional<Statistics> statistics(const Database& database);

}  // namespace corral::db
