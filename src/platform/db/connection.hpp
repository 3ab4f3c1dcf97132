// One engine connection with its prepared statements: what SQLite and PostgreSQL each implement. Used by one thread at
// a time. Failures throw db::Failure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/db/db.hpp"

namespace corral::db {

class Connection {
public:
    virtual ~Connection() = default;
    // Runs one statement, prepared once per SQL text. `changed`, when given, gets the number of rows changed.
    virtual std::vector<std::vector<Value>> run(std::string_view sql, const std::vector<Value>& in,
                                                std::int64_t* changed) = 0;
    // Within a write transaction: tell those who listen to the topic, once it is committed. Nobody can on SQLite.
    virtual void announce(const std::string& /*topic*/) {}
    // Several statements separated by ';', no values.
    virtual void script(const std::string& sql) = 0;
    [[nodiscard]] virtual std::string begin_read() const = 0;   // the engine's words for a snapshot
    [[nodiscard]] virtual std::string begin_write() const = 0;  // and for a transaction that will write
};

}  // namespace corral::db
