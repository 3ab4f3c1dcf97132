#include "platform/db/sqlite.hpp"

#include <sqlite3.h>

#include <functional>
#include <unordered_map>

namespace corral::db {

namespace {

constexpr std::size_t statements_kept = 256;  // more distinct texts than stores have

struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
};

Failure::Kind kind_of(int code, int extended) {
    if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
        return Failure::Kind::unique_violation;
    switch (code & 0xff) {  // the disk or its owner is to blame, not the statement
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_BUSY:
        case SQLITE_NOMEM: return Failure::Kind::unavailable;
        default: return Failure::Kind::other;
    }
}

[[noreturn]] void fail(sqlite3* db, int code, std::string_view sql) {
    const int extended = sqlite3_extended_errcode(db);
    throw Failure(kind_of(code, extended),
                  std::string(sqlite3_errmsg(db)) + " (" + std::to_string(extended) + ") in: " + std::string(sql));
}

// Its own number of a row is a table's key only under this very type (sqlite.org/lang_createtable.html#rowid): without
// it each such key is a second tree, written at every insert. On PostgreSQL INTEGER has 32 bits, too few for events.
std::string in_own_dialect(std::string_view sql) {
    constexpr std::string_view portable = "BIGINT PRIMARY KEY";
    std::string out(sql);
    if (!out.starts_with("CREATE TABLE")) return out;
    for (std::size_t at = 0; (at = out.find(portable, at)) != std::string::npos;)
        out.replace(at, portable.size(), "INTEGER PRIMARY KEY");
    return out;
}

// To look a text up without a copy of it.
struct HashOfText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Once in the process, before its first connection. Without the engine's count of its memory, which nobody reads, an
// allocation of one connection does not wait for those of the others (sqlite.org/compile.html, DEFAULT_MEMSTATUS).
void configure_engine() {
    static const int done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)done;
}

class SqliteConnection final : public Connection {
public:
    SqliteConnection(const std::string& uri, bool writer) {
        configure_engine();
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
        sqlite3* opened = nullptr;  // also set when it fails, and then to be closed all the same
        const int code = sqlite3_open_v2(uri.c_str(), &opened, flags, nullptr);
        db_.reset(opened);
        if (code != SQLITE_OK) {
            const std::string why = opened == nullptr ? "out of memory" : sqlite3_errmsg(opened);
            throw Failure(Failure::Kind::other, "open " + uri + ": " + why);
        }
        sqlite3_extended_result_codes(opened, 1);
        sqlite3_busy_timeout(opened, 10'000);
        if (writer) script("PRAGMA journal_mode=WAL;");
        // FULL: the WAL is fsynced at every commit, so an answered write survives a power cut (sqlite.org/pragma.html).
        script("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000;");
        if (!writer) script("PRAGMA query_only=ON;");  // as PostgreSQL has it
    }
    std::vector<std::vector<Value>> run(std::string_view sql, const std::vector<Value>& in,
                                        std::int64_t* changed) override {
        sqlite3_stmt* statement = prepared(sql);
        struct Reset {
            sqlite3_stmt* s;
            ~Reset() {
                sqlite3_reset(s);
                sqlite3_clear_bindings(s);
            }
        } reset{statement};
        for (std::size_t i = 0; i < in.size(); ++i) bind(statement, static_cast<int>(i) + 1, in[i], sql);
        std::vector<std::vector<Value>> rows;
        for (;;) {
            const int code = sqlite3_step(statement);
            if (code == SQLITE_DONE) break;
            if (code != SQLITE_ROW) fail(db_.get(), code, sql);
            rows.push_back(columns(statement));
        }
        if (changed != nullptr) *changed = sqlite3_changes64(db_.get());
        return rows;
    }

    void begin_read() override { run("BEGIN", {}, nullptr); }
    void begin_write() override { run("BEGIN IMMEDIATE", {}, nullptr); }
    void commit() override { run("COMMIT", {}, nullptr); }
    void rollback() override { run("ROLLBACK", {}, nullptr); }

private:
    void script(const std::string& sql) {
        const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) fail(db_.get(), code, sql);
    }

    sqlite3_stmt* prepared(std::string_view sql) {
        if (auto it = statements_.find(sql); it != statements_.end()) return it->second.get();
        if (statements_.size() >= statements_kept) statements_.clear();
        sqlite3_stmt* raw = nullptr;
        const std::string own = in_own_dialect(sql);
        const int code = sqlite3_prepare_v3(db_.get(), own.c_str(), static_cast<int>(own.size()) + 1,
                                            SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
        if (code != SQLITE_OK) fail(db_.get(), code, sql);
        if (raw == nullptr) throw Failure(Failure::Kind::other, "an empty statement");
        return statements_.emplace(sql, Statement(raw)).first->second.get();
    }

    void bind(sqlite3_stmt* s, int index, const Value& v, std::string_view sql) {
        int code = SQLITE_OK;
        const auto size = static_cast<sqlite3_uint64>(v.text.size());
        switch (v.type) {
            case Value::Type::null: code = sqlite3_bind_null(s, index); break;
            case Value::Type::integer:
            case Value::Type::boolean: code = sqlite3_bind_int64(s, index, v.integer); break;
            case Value::Type::real: code = sqlite3_bind_double(s, index, v.real); break;
            case Value::Type::text:
                code = sqlite3_bind_text64(s, index, v.text.data(), size, SQLITE_STATIC, SQLITE_UTF8);
                break;
            case Value::Type::bytes: code = sqlite3_bind_blob64(s, index, v.text.data(), size, SQLITE_STATIC); break;
        }
        if (code != SQLITE_OK) fail(db_.get(), code, sql);
    }

    static std::vector<Value> columns(sqlite3_stmt* s) {
        std::vector<Value> out(static_cast<std::size_t>(sqlite3_column_count(s)));
        for (std::size_t i = 0; i < out.size(); ++i) {
            const int column = static_cast<int>(i);
            Value& v = out[i];
            switch (sqlite3_column_type(s, column)) {
                case SQLITE_INTEGER:
                    v.type = Value::Type::integer;
                    v.integer = sqlite3_column_int64(s, column);
                    break;
                case SQLITE_FLOAT:
                    v.type = Value::Type::real;
                    v.real = sqlite3_column_double(s, column);
                    break;
                case SQLITE_NULL: break;
                default: {
                    const bool text = sqlite3_column_type(s, column) == SQLITE_TEXT;
                    v.type = text ? Value::Type::text : Value::Type::bytes;
                    const auto* data = static_cast<const char*>(sqlite3_column_blob(s, column));
                    v.text.assign(data == nullptr ? "" : data,
                                  static_cast<std::size_t>(sqlite3_column_bytes(s, column)));
                }
            }
        }
        return out;
    }

    std::unique_ptr<sqlite3, Close> db_;
    std::unordered_map<std::string, Statement, HashOfText, std::equal_to<>> statements_;  // go before db_ is closed
};

}  // namespace

std::unique_ptr<Connection> open_sqlite_connection(const std::string& uri, bool writer) {
    return std::make_unique<SqliteConnection>(uri, writer);
}

}  // namespace corral::db
