// The one database seam: SQLite embedded, PostgreSQL by URL (docs/adr). Any thread may call read() and write(); both
// block. SQL stands in store.cpp files only, in the subset both engines speak: placeholders :1 :2 … in order, dates as
// BIGINT microseconds UTC, ids as TEXT, BOOLEAN, BYTEA, upsert and RETURNING.
//
//     auto name = db.read([&](db::Tx& tx) { return tx.one<std::string>("SELECT name FROM users WHERE id = :1", id); });
//     TRY(db.write([&](db::Tx& tx) -> Result<void> {
//         tx.exec("UPDATE users SET name = :1 WHERE id = :2", name, id);
//         tx.after_commit([&] { cache.reload(); });
//         return {};
//     }));
//
// Inside the function, SQL failures throw db::Failure, which read()/write() turn into an Error after rolling back
// (unique violations: Errc::conflict; text that is no UTF-8 or holds NUL: Errc::invalid; a full disk or a lost
// connection: Errc::unavailable; the rest: Errc::internal, detail logged). When the function returns a Result
// that holds an error, the transaction is rolled back and the error returned. A write that returned a value is durable
// (SQLite: WAL, synchronous=FULL; PostgreSQL: its own log, flushed at every commit; several writers may share one
// flush). Writes of all processes on a database run one after another: what a write reads stays true until its commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "base/secret.hpp"

namespace corral::db {

class Failure : public std::runtime_error {
public:
    enum class Kind {
        unique_violation,
        bad_text,     // text that is no UTF-8 or holds NUL: refused by both engines
        unavailable,  // the engine cannot work now: connection lost, disk full; nothing was committed
        other
    };
    Failure(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
    [[nodiscard]] Kind kind() const { return kind_; }

private:
    Kind kind_;
};

// A value on its way in or out of a statement.
struct Value {
    enum class Type { null, integer, real, text, bytes, boolean } type = Type::null;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;  // also bytes
};

// C++ ⇄ Value: integers, bool, double, std::string, Id<T>, Time, std::optional<T>, Bytes. Specialise for enums.
struct Bytes {
    std::string data;
};
template <class T>
Value to_value(const T&);
template <class T>
T from_value(const Value&);

class Connection;  // one engine connection with its prepared statements (implementation)

// One transaction on one connection; lives only inside the function it is passed to; one thread.
class Tx {
public:
    explicit Tx(Connection& c) : connection_(c) {}
    Tx(const Tx&) = delete;
    Tx& operator=(const Tx&) = delete;

    // Rows as tuples, in the order of the columns; a single column gives plain values.
    template <class... Out, class... In>
    auto all(std::string_view sql, const In&... in) -> std::vector<
        std::conditional_t<sizeof...(Out) == 1, std::tuple_element_t<0, std::tuple<Out...>>, std::tuple<Out...>>>;
    // The first row, or nullopt.
    template <class... Out, class... In>
    auto one(std::string_view sql, const In&... in) -> std::optional<
        std::conditional_t<sizeof...(Out) == 1, std::tuple_element_t<0, std::tuple<Out...>>, std::tuple<Out...>>>;
    // Rows changed.
    template <class... In>
    std::int64_t exec(std::string_view sql, const In&... in);

    // Runs after the commit is durable, on the writing thread, in order of registration; never after a rollback.
    // Must not throw and must not write to the database.
    void after_commit(std::function<void()> f) { after_commit_.push_back(std::move(f)); }

    // Tells the other processes on this database that something under `topic` changed (Database::listen); sent with
    // the commit, so never after a rollback. A topic is a word: "identity". Free of cost when nobody can listen.
    void announce(std::string topic) { announced_.insert(std::move(topic)); }

    // Implementation face.
    std::vector<std::vector<Value>> run(std::string_view sql, const std::vector<Value>& in, std::int64_t* changed);
    std::vector<std::function<void()>> take_after_commit() { return std::move(after_commit_); }
    std::set<std::string> take_announced() { return std::move(announced_); }

private:
    Connection& connection_;
    std::vector<std::function<void()>> after_commit_;
    std::set<std::string> announced_;
};

// Listening lasts as long as this; destroying it waits for a call that runs.
class Listening {
public:
    Listening() = default;
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    virtual ~Listening() = default;
};

struct Migration {
    int number;  // global, rising: 100–199 identity, 200–299 jobs and events, 300–399 catalog, 400–499 machines
    std::string_view name;  // "identity_users"
    std::string_view sql;   // statements separated by ';', portable
};

// What a controller claims for as long as it lives.
inline std::string life_of(const std::string& controller) { return "controller " + controller; }

class Database {
public:
    virtual ~Database() = default;

    // Applies what is missing, in order of number, each in a transaction. Errc::unavailable when the database was
    // written by a newer version or a migration fails.
    virtual Result<void> migrate(std::vector<Migration> all) = 0;

    template <class F>
    auto read(F f);  // Result<R>: a consistent snapshot, never blocked by writers
    template <class F>
    auto write(F f);  // Result<R>: f runs at most once; its value is returned only after the commit is durable

    // Calls `changed` after commits of other processes that announced `topic` (once for several in a row), and when a
    // lost connection is back, since announcements were missed then: it reloads or reads on from where it was. One call
    // at a time, on a thread of the database; it may read(), and must not throw. Listen before the first load, so that
    // nothing falls between. Null on SQLite, which belongs to one process.
    [[nodiscard]] virtual std::unique_ptr<Listening> listen(std::string topic, std::function<void()> changed) = 0;

    // Holds `name` for this process, against the others on this database, until it ends or is gone; a connection that
    // is lost for a moment costs nothing. False: another one holds it.
    virtual Result<bool> claim(const std::string& name) = 0;
    // Whether a process on this database, this one or another, holds `name` now.
    virtual Result<bool> claimed(const std::string& name) = 0;
    // The name of this process among those on the database, "" on SQLite.
    [[nodiscard]] virtual const std::string& controller() const = 0;
    // Whether reads and writes work now; asks the engine. Errc::unavailable when not.
    virtual Result<void> check() = 0;

protected:
    virtual Result<void> run_read(const std::function<Result<void>(Tx&)>&) = 0;
    virtual Result<void> run_write(const std::function<Result<void>(Tx&)>&) = 0;
};

// Opens (creating folder and file, mode 0600) an embedded database. `path` ":memory:" for tests.
Result<std::unique_ptr<Database>> open_sqlite(const std::string& path);

// Connects to a PostgreSQL database (13 or newer, UTF8), which other controllers may share:
// docs/how-to/run-on-postgresql. `controller`: hex digits that name this one, the same after a restart. A connection
// that is lost later mends itself; until then reads and writes answer Errc::unavailable. Errors never hold the URL.
Result<std::unique_ptr<Database>> open_postgres(const Secret& url, const std::string& controller);

}  // namespace corral::db

#include "platform/db/db_inline.hpp"
