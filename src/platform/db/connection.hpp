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
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    virtual ~Connection() = default;
    // Runs one statement, prepared once per SQL text. `changed`, when given, gets the number of rows changed.
    virtual std::vector<std::vector<Value>> run(std::string_view sql, const std::vector<Value>& in,
                                                std::int64_t* changed) = 0;
    virtual void begin_read() = 0;   // a snapshot, in which nothing can be changed
    virtual void begin_write() = 0;  // alone among all writers of the database
    virtual void commit() = 0;       // durable when it returns
    virtual void rollback() = 0;
    // Marks that rows of a write lie between, so that one write of several in a transaction can be taken back. They may
    // be sent with the next statement.
    virtual void set_savepoint() { run("SAVEPOINT one", {}, nullptr); }
    virtual void release_savepoint() { run("RELEASE SAVEPOINT one", {}, nullptr); }
    virtual void back_to_savepoint() { run("ROLLBACK TO SAVEPOINT one", {}, nullptr); }
    // Within a write transaction: tell those who listen to the topic, once it is committed. Nobody can on SQLite.
    virtual void announce(const std::string& /*topic*/) {}
};

}  // namespace corral::db
